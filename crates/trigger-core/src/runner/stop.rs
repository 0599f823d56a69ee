//! The request to stop.

use tokio::sync::watch;

/// Waits until the program is asked to stop.
pub(super) async fn requested(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which also means that the program ends.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
