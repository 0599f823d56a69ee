//! The wish of the operator, or of Kubernetes, that a program ends.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT and gives the exit code that a shell expects for it (143 or 130).
///
/// # Panics
/// When the process can't install signal handlers, which Linux always allows.
pub async fn requested() -> u8 {
    let mut terminate = signal(SignalKind::terminate()).expect("handling SIGTERM is allowed");
    let mut interrupt = signal(SignalKind::interrupt()).expect("handling SIGINT is allowed");
    tokio::select! {
        _ = terminate.recv() => 143,
        _ = interrupt.recv() => 130,
    }
}
