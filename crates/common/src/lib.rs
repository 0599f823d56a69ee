//! What every tradeops program shares: configuration, telemetry, HTTP with retries, and shutdown; behind the
//! feature `auth`, the authentication of HTTP services; behind `postgres`, connections to Postgres.
//!
//! Nothing here knows a program of the workspace; each module stands alone.

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
