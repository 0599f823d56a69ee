//! Tracks whether the watches of the cluster work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::NotReady;

use super::rights::Right;

/// What a watch observes.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Observed {
    CronJob { namespace: String, name: String },
    Jobs(String),
    Pods(String),
}

impl Observed {
    pub(super) fn cronjob(target: &CronJobTarget) -> Self {
        Self::CronJob { namespace: target.namespace.clone(), name: target.cronjob.clone() }
    }

    /// The right to list or to watch it.
    pub(super) fn right(&self, verb: &'static str) -> Right<'_> {
        match self {
            Self::CronJob { namespace, name } => Right::of_cronjob(verb, namespace, name),
            Self::Jobs(namespace) => Right::of_jobs(verb, namespace),
            Self::Pods(namespace) => Right::of_pods(verb, namespace),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CronJob { namespace, name } => write!(formatter, "CronJob {name} in {namespace}"),
            Self::Jobs(namespace) => write!(formatter, "Jobs in {namespace}"),
            Self::Pods(namespace) => write!(formatter, "pods in {namespace}"),
        }
    }
}

/// The health of every watch.
#[derive(Default)]
pub(super) struct WatchesHealth {
    watches: Mutex<BTreeMap<Observed, WatchHealth>>,
}

#[derive(Default)]
struct WatchHealth {
    /// Whether the initial list was received.
    listed: bool,
    /// Whether changes arrive, or arrive again as soon as the API server can be reached.
    followed: bool,
    /// The right that the API server denied the last time: `list` or `watch`.
    denied: Option<&'static str>,
    /// The current error; None while the watch works.
    error: Option<String>,
}

impl WatchesHealth {
    /// Ready when every watch has received its initial list, except for those that the API server denies.
    pub(super) fn readiness(&self) -> Result<(), NotReady> {
        let watches = self.locked();
        match watches.iter().find(|(_, watch)| !watch.listed && watch.denied.is_none()) {
            None => Ok(()),
            Some((what, WatchHealth { error: None, .. })) => Err(NotReady(format!("still listing {what}"))),
            Some((what, WatchHealth { error: Some(_), .. })) => {
                Err(NotReady(format!("can't list {what}; the log has the error")))
            }
        }
    }

    /// Whether the cached objects are those of the cluster, up to the delay of a watch.
    pub(super) fn is_followed(&self, what: &Observed) -> bool {
        self.locked().get(what).is_some_and(|watch| watch.followed)
    }

    /// Whether the API server denies the list.
    pub(super) fn is_list_denied(&self, what: &Observed) -> bool {
        self.locked().get(what).is_some_and(|watch| watch.denied == Some("list"))
    }

    /// Adds a watch, whose initial list readiness waits for.
    pub(super) fn register(&self, what: &Observed) {
        self.change(what, |_| ());
    }

    pub(super) fn mark_listed(&self, what: &Observed) {
        self.change(what, |watch| {
            watch.listed = true;
            watch.denied = watch.denied.filter(|verb| *verb != "list");
        });
    }

    pub(super) fn mark_followed(&self, what: &Observed) {
        self.change(what, |watch| {
            (watch.followed, watch.denied) = (true, None);
            if watch.error.take().is_some() {
                tracing::info!(watch = %what, "a watch has recovered");
            }
        });
    }

    /// Records that the API server denies the right to list or to watch.
    pub(super) fn mark_denied(&self, what: &Observed, verb: &'static str) {
        self.change(what, |watch| {
            (watch.followed, watch.denied, watch.error) = (false, Some(verb), None);
        });
    }

    /// Records an error of a watch. The same error is logged once.
    pub(super) fn record_error(&self, what: &Observed, error: &kube::Error) {
        let text = error.to_string();
        self.change(what, |watch| {
            if watch.error.as_deref() != Some(text.as_str()) {
                tracing::warn!(watch = %what, error = text, "a watch failed; retrying");
                watch.error = Some(text);
            }
        });
    }

    /// Changes the health of a watch, and logs it when the last one becomes ready.
    fn change(&self, what: &Observed, change: impl FnOnce(&mut WatchHealth)) {
        let was_ready = self.readiness().is_ok();
        change(self.locked().entry(what.clone()).or_default());
        if was_ready || self.readiness().is_err() {
            return;
        }
        if self.locked().values().all(|watch| watch.denied.is_none()) {
            tracing::info!("ready: every target's runs are known");
        } else {
            tracing::warn!("ready: runs can be started, but some rights to observe them are missing");
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Observed, WatchHealth>> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> Observed {
        Observed::Jobs("trading".to_owned())
    }

    fn pods() -> Observed {
        Observed::Pods("trading".to_owned())
    }

    #[test]
    fn a_denied_watch_does_not_prevent_readiness_and_is_not_followed() {
        let health = WatchesHealth::default();
        health.register(&jobs());
        health.register(&pods());
        health.mark_listed(&jobs());
        health.mark_followed(&jobs());
        assert_eq!(health.readiness().unwrap_err().to_string(), "still listing pods in trading");
        health.mark_denied(&pods(), "list");
        assert!(health.readiness().is_ok());
        assert!(health.is_followed(&jobs()) && !health.is_followed(&pods()));
        assert!(health.is_list_denied(&pods()) && !health.is_list_denied(&jobs()));
    }

    #[test]
    fn a_list_without_a_watch_is_not_followed_until_the_watch_is_granted() {
        let health = WatchesHealth::default();
        health.register(&jobs());
        health.mark_listed(&jobs());
        health.mark_denied(&jobs(), "watch");
        health.mark_listed(&jobs());
        assert!(
            health.readiness().is_ok() && !health.is_followed(&jobs()) && !health.is_list_denied(&jobs())
        );
        health.mark_followed(&jobs());
        assert!(health.is_followed(&jobs()));
        health.mark_denied(&jobs(), "list");
        assert!(!health.is_followed(&jobs()) && health.is_list_denied(&jobs()));
    }
}
