//! Tracks whether the watches of the cluster work.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use trigger_core::executor::NotReady;

/// The health of every watch, by what it watches: for example `Jobs in trading`.
#[derive(Default)]
pub(super) struct WatchesHealth {
    watches: Mutex<BTreeMap<String, WatchHealth>>,
}

#[derive(Default)]
struct WatchHealth {
    /// Whether the initial list was received.
    listed: bool,
    /// The current error; None while the watch works.
    error: Option<String>,
}

impl WatchesHealth {
    /// Ready when every watch has received its initial list.
    pub(super) fn readiness(&self) -> Result<(), NotReady> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        match watches.iter().find(|(_, watch)| !watch.listed) {
            None => Ok(()),
            Some((what, WatchHealth { error: None, .. })) => Err(NotReady(format!("still listing {what}"))),
            Some((what, WatchHealth { error: Some(_), .. })) => {
                Err(NotReady(format!("can't list {what}; the log has the error")))
            }
        }
    }

    /// Adds a watch, whose initial list readiness waits for.
    pub(super) fn register(&self, what: &str) {
        self.change(what, |_| ());
    }

    pub(super) fn mark_listed(&self, what: &str) {
        let was_ready = self.readiness().is_ok();
        self.change(what, |watch| watch.listed = true);
        if !was_ready && self.readiness().is_ok() {
            tracing::info!("ready: every target's runs are known");
        }
    }

    /// Records an error of a watch. The same error is logged once.
    pub(super) fn record_error(&self, what: &str, error: &kube::Error) {
        let text = error.to_string();
        self.change(what, |watch| {
            if watch.error.as_deref() != Some(text.as_str()) {
                tracing::warn!(watch = what, error = text, "a watch failed; retrying");
                watch.error = Some(text);
            }
        });
    }

    pub(super) fn clear_error(&self, what: &str) {
        self.change(what, |watch| {
            if watch.error.take().is_some() {
                tracing::info!(watch = what, "a watch has recovered");
            }
        });
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut WatchHealth)) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        change(watches.entry(what.to_owned()).or_default());
    }
}
