//! The parts that all tradeops programs share: configuration, telemetry, an HTTP client with retries, and shutdown; with the
//! feature `auth`, authentication for HTTP services; with `kubernetes`, the client of an API server; with `postgres`,
//! connections to Postgres; with `service`, everything of an HTTP service but its routes.
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
#[cfg(feature = "service")]
pub mod service;
pub mod shutdown;
pub mod telemetry;
pub mod text;
pub mod tls;
