//! Whether the cluster is being heard.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::runtime::watcher;

use trigger_core::ports::NotReady;

/// What was heard of, and what is the matter.
#[derive(Default)]
pub(super) struct Health {
    watches: Mutex<BTreeMap<String, WatchHealth>>,
}

#[derive(Default)]
struct WatchHealth {
    listed: bool,
    trouble: Option<String>,
}

impl Health {
    pub(super) fn readiness(&self) -> Result<(), NotReady> {
        let watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        match watches.iter().find(|(_, watch)| !watch.listed) {
            None => Ok(()),
            Some((what, WatchHealth { trouble: None, .. })) => {
                Err(NotReady(format!("{what} are being listed")))
            }
            Some((what, WatchHealth { trouble: Some(_), .. })) => {
                Err(NotReady(format!("{what} can't be listed; the log says why")))
            }
        }
    }

    pub(super) fn expect(&self, what: &str) {
        self.change(what, |_| ());
    }

    pub(super) fn listed(&self, what: &str) {
        let was_ready = self.readiness().is_ok();
        self.change(what, |watch| watch.listed = true);
        if !was_ready && self.readiness().is_ok() {
            tracing::info!("ready: every target's runs are known");
        }
    }

    /// Notes trouble, and logs it when it is new.
    pub(super) fn trouble(&self, what: &str, error: &watcher::Error) {
        let text = error.to_string();
        self.change(what, |watch| {
            if watch.trouble.as_deref() != Some(text.as_str()) {
                tracing::warn!(watch = what, error = text, "the cluster can't be watched; it is tried again");
                watch.trouble = Some(text);
            }
        });
    }

    pub(super) fn well(&self, what: &str) {
        self.change(what, |watch| {
            if watch.trouble.take().is_some() {
                tracing::info!(watch = what, "the cluster is watched again");
            }
        });
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut WatchHealth)) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        change(watches.entry(what.to_owned()).or_default());
    }
}
