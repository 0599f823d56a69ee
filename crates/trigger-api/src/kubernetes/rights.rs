//! The rights that requests to the API server need, and those that it denied.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trigger_core::right::{Limitation, MissingRight};

/// The right that a request needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right<'a> {
    pub(super) verb: &'static str,
    pub(super) resource: &'static str,
    /// Only for an object that a Role can name.
    pub(super) name: Option<&'a str>,
    pub(super) namespace: &'a str,
}

impl<'a> Right<'a> {
    pub(super) fn of_cronjob(verb: &'static str, namespace: &'a str, name: &'a str) -> Self {
        Self { verb, resource: "cronjobs.batch", name: Some(name), namespace }
    }

    pub(super) fn of_jobs(verb: &'static str, namespace: &'a str) -> Self {
        Self { verb, resource: "jobs.batch", name: None, namespace }
    }

    pub(super) fn of_pods(verb: &'static str, namespace: &'a str) -> Self {
        Self { verb, resource: "pods", name: None, namespace }
    }

    pub(super) fn of_logs(namespace: &'a str) -> Self {
        Self { verb: "get", resource: "pods/log", name: None, namespace }
    }

    pub(super) fn of_events(namespace: &'a str) -> Self {
        Self { verb: "create", resource: "events", name: None, namespace }
    }

    /// The right, if the API server denied it.
    pub(super) fn missing(&self) -> MissingRight {
        let resource = match self.name {
            Some(name) => format!("{}/{name}", self.resource),
            None => self.resource.to_owned(),
        };
        MissingRight { verb: self.verb, resource, namespace: self.namespace.to_owned() }
    }

    /// What does not work without it.
    fn effect(&self) -> &'static str {
        match (self.verb, self.resource) {
            ("get", "cronjobs.batch") | ("create", "jobs.batch") => "the target can't be started",
            (_, "cronjobs.batch") => "the CronJob is read again for each request",
            ("list", "jobs.batch") => {
                "the states of runs are not known, scheduled runs are not listed, and a concurrencyPolicy is applied only to \
                 scheduled runs"
            }
            ("watch", "jobs.batch") => {
                "the states of runs are read again after a pause of up to some minutes"
            }
            ("get", "jobs.batch") => {
                "runs can't be cancelled, and it can't be checked whether a Job exists whose creation was not confirmed"
            }
            ("delete", "jobs.batch") => "runs can't be cancelled or replaced",
            ("list", "pods") => "the causes and logs of runs are not known",
            ("watch", "pods") => "the causes of runs are read again after a pause of up to some minutes",
            (_, "pods/log") => "logs can't be read",
            _ => "starts are not recorded as Events in the cluster",
        }
    }
}

/// The rights that the API server denied, until it grants them.
#[derive(Default)]
pub(super) struct DeniedRights {
    effects: Mutex<BTreeMap<MissingRight, &'static str>>,
}

impl DeniedRights {
    /// Records a denial. Only the first one is logged.
    pub(super) fn deny(&self, right: &Right<'_>) {
        let (missing, effect) = (right.missing(), right.effect());
        if self.locked().insert(missing.clone(), effect).is_none() {
            tracing::warn!(
                right = %missing,
                "trigger-api's ServiceAccount lacks a right: {effect}. If a Role grants it later, this is noticed"
            );
        }
    }

    /// Records that the API server grants the right. Roles have changed, so the rights of the namespace that are not tried
    /// again by a watch may be granted too: they are no longer reported until they are denied again.
    pub(super) fn grant(&self, right: &Right<'_>) {
        let mut denied = self.locked();
        if !denied.is_empty() && denied.remove(&right.missing()).is_some() {
            let is_tried_again = |verb: &str| matches!(verb, "list" | "watch");
            denied.retain(|other, _| other.namespace != right.namespace || is_tried_again(other.verb));
            tracing::info!(right = %right.missing(), "trigger-api's ServiceAccount has got a right that it lacked");
        }
    }

    /// Whether the API server denied the right the last time.
    pub(super) fn denies(&self, right: &Right<'_>) -> bool {
        let denied = self.locked();
        !denied.is_empty() && denied.contains_key(&right.missing())
    }

    /// All of them.
    pub(super) fn limitations(&self) -> Vec<Limitation> {
        let denied = self.locked();
        denied.iter().map(|(right, effect)| Limitation { right: right.clone(), effect }).collect()
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<MissingRight, &'static str>> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_right_is_a_limitation_until_it_is_granted() {
        let rights = DeniedRights::default();
        let (jobs, other) = (Right::of_jobs("list", "trading"), Right::of_jobs("list", "staging"));
        rights.deny(&jobs);
        rights.deny(&jobs);
        assert!(rights.denies(&jobs) && !rights.denies(&other));
        let [limitation] = &rights.limitations()[..] else { panic!("{:?}", rights.limitations()) };
        let text = limitation.to_string();
        assert!(
            text.starts_with("trigger-api may not list jobs.batch in the namespace trading: the states"),
            "{text}"
        );
        rights.grant(&other);
        assert!(rights.denies(&jobs));
        rights.deny(&Right::of_events("trading"));
        rights.grant(&jobs);
        assert_eq!(rights.limitations(), []);
    }

    #[test]
    fn a_right_to_a_named_object_has_its_name() {
        let right = Right::of_cronjob("get", "trading", "sync").missing();
        assert_eq!(right.to_string(), "get cronjobs.batch/sync in the namespace trading");
    }
}
