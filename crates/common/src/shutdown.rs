//! Signals that request the end of the program.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT and returns the conventional exit code (143 or 130).
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
