//! What every tradeops program shares: configuration, telemetry, HTTP with retries, and shutdown.
//!
//! Nothing here knows a program of the workspace; each module stands alone.

pub mod config;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod shutdown;
pub mod telemetry;

mod tls;
