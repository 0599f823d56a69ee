//! The request to stop.

use tokio::sync::watch;

/// Waits until the program is asked to stop.
pub(super) async fn requested(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped: the program is ending.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
