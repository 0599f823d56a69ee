//! The request to stop.

use tokio::sync::watch;

/// Waits until the program is asked to stop.
pub(super) async fn requested(stopping: &mut watch::Receiver<bool>) {
    // An error means that the sender was dropped: the program is ending.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Whether the program was asked to stop. Without this check a dropped sender would make the runner loop without a pause.
pub(super) fn is_requested(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_sender_is_a_request_to_stop() {
        let (stop, stopping) = watch::channel(false);
        assert!(!is_requested(&stopping));
        drop(stop);
        assert!(is_requested(&stopping));
        let (stop, stopping) = watch::channel(false);
        stop.send_replace(true);
        assert!(is_requested(&stopping));
    }
}
