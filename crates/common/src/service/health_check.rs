//! A client of `/readyz`, for the health checks of images that have no shell.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::http::{HttpError, RetryPolicy, RetryingClient};

const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// A service that is not ready.
#[derive(Debug, thiserror::Error)]
pub enum HealthCheckError {
    /// The service does not respond.
    #[error("not ready: {0}")]
    Unreachable(#[from] HttpError),
    /// The service responds that it is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
}

/// Checks whether the service that listens on this address is ready.
///
/// # Errors
/// When it is not ready, or does not respond.
pub async fn check_health(listen_address: SocketAddr) -> Result<(), HealthCheckError> {
    // A listener of both families accepts IPv4 too, and has only IPv4 on a machine without IPv6.
    let ip = match listen_address.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/readyz", SocketAddr::new(ip, listen_address.port()));
    let policy = RetryPolicy { budget: TIMEOUT, attempt_timeout: TIMEOUT, attempts: 1 };
    let client = RetryingClient::new(&url, policy, MAX_RESPONSE_BYTES);
    let answer = client.send(|client| client.get(&url)).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(HealthCheckError::NotReady(String::from_utf8_lossy(&answer.body).into_owned()))
}
