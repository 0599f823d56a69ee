//! The parts that all tradeops programs share: configuration, telemetry, an HTTP client with retries, and shutdown; with the
//! feature `auth`, authentication for HTTP services; with `kubernetes`, the client of an API server; with `postgres`,
//! connections to Postgres.
//!
//! This crate depends on no other crate of the workspace.

#[cfg(feature = "auth")]
pub mod auth;
pub mod config;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod shutdown;
pub mod telemetry;
pub mod text;
pub mod tls;
