//! The active runs of this process and the latest ended ones.
//!
//! A Job's name is claimed under one lock, so that only one of several concurrent launches of a name starts a program.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::run::{Run, RunId};

/// How many ended runs are kept in memory. They bridge the time until the store has them.
const MAX_ENDED_RUNS: usize = 1000;

/// Why a run is stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StopReason {
    /// A request cancelled it.
    Cancelled,
    /// trigger-api is shutting down.
    Restarted,
}

/// Stops a run. It is closed when the run has ended and its end was passed to the recorder.
pub(super) type StopSender = watch::Sender<Option<StopReason>>;

/// The result of [`Registry::claim`].
pub(super) enum Claim {
    /// The run is registered. The caller keeps the receiver until the run has ended.
    Granted(watch::Receiver<Option<StopReason>>),
    /// Another run has the Job's name.
    NameTaken(Box<Run>),
    /// trigger-api is shutting down.
    Closed,
}

/// The runs of this process.
#[derive(Default)]
pub(super) struct Registry {
    runs: Mutex<RegisteredRuns>,
}

#[derive(Default)]
struct RegisteredRuns {
    /// Oldest first.
    active: Vec<ActiveRun>,
    /// Oldest first.
    ended: VecDeque<Run>,
    /// The newest run of each CronJob, by namespace and name.
    newest: HashMap<(String, String), (Timestamp, RunId)>,
    closed: bool,
}

struct ActiveRun {
    run: Run,
    cronjob: String,
    stop: StopSender,
}

impl RegisteredRuns {
    fn find_by_job(&self, namespace: &str, job_name: &str) -> Option<&Run> {
        let active = self.active.iter().map(|active| &active.run);
        active.chain(&self.ended).find(|run| run.job_name == job_name && run.namespace == namespace)
    }
}

impl Registry {
    /// The run whose Job has that name.
    pub(super) fn find_by_job(&self, namespace: &str, job_name: &str) -> Option<Run> {
        self.locked().find_by_job(namespace, job_name).cloned()
    }

    /// Registers a run, unless another one has its Job's name.
    pub(super) fn claim(&self, run: &Run, target: &CronJobTarget) -> Claim {
        let mut runs = self.locked();
        if runs.closed {
            return Claim::Closed;
        }
        if let Some(other) = runs.find_by_job(&run.namespace, &run.job_name) {
            return Claim::NameTaken(Box::new(other.clone()));
        }
        let (stop, stopped) = watch::channel(None);
        runs.newest.insert(key(target), (run.created_at, run.id.clone()));
        runs.active.push(ActiveRun { run: run.clone(), cronjob: target.cronjob.clone(), stop });
        Claim::Granted(stopped)
    }

    /// Adds the newest run of an earlier process, which determines the generation until the next claim.
    pub(super) fn add_earlier(&self, run: Run, target: &CronJobTarget) {
        let mut runs = self.locked();
        let newest = runs.newest.entry(key(target)).or_insert_with(|| (run.created_at, run.id.clone()));
        if newest.0 < run.created_at {
            *newest = (run.created_at, run.id);
        }
    }

    /// Applies a new observed state of an active run.
    pub(super) fn update(&self, run: &Run) {
        if let Some(active) = self.locked().active.iter_mut().find(|active| active.run.id == run.id) {
            active.run = run.clone();
        }
    }

    /// Applies the end of a run. It no longer conflicts with other runs.
    pub(super) fn end(&self, run: Run) {
        let mut runs = self.locked();
        runs.active.retain(|active| active.run.id != run.id);
        if runs.ended.len() == MAX_ENDED_RUNS {
            runs.ended.pop_front();
        }
        runs.ended.push_back(run);
    }

    /// The ended run with that id, while it is kept.
    pub(super) fn ended(&self, id: &RunId) -> Option<Run> {
        self.locked().ended.iter().find(|run| run.id == *id).cloned()
    }

    /// The run with that id, if it is active, or has ended and is kept.
    pub(super) fn run(&self, id: &RunId) -> Option<Run> {
        let runs = self.locked();
        let active = runs.active.iter().map(|active| &active.run);
        active.chain(&runs.ended).find(|run| run.id == *id).cloned()
    }

    /// The ids of the active runs, and of the ended ones that are kept.
    pub(super) fn ids(&self) -> Vec<RunId> {
        let runs = self.locked();
        let active = runs.active.iter().map(|active| &active.run);
        active.chain(&runs.ended).map(|run| run.id.clone()).collect()
    }

    /// The active runs of a target's CronJob, and its generation: the id of its newest run.
    pub(super) fn snapshot(&self, target: &CronJobTarget) -> (Vec<Run>, String) {
        let runs = self.locked();
        let is_of_target = |active: &&ActiveRun| {
            active.cronjob == target.cronjob && active.run.namespace == target.namespace
        };
        let active = runs.active.iter().filter(is_of_target).map(|active| active.run.clone()).collect();
        let generation = runs.newest.get(&key(target)).map(|(_, id)| id.to_string());
        (active, generation.unwrap_or_default())
    }

    /// The active runs of a target's CronJob that were claimed before that run.
    pub(super) fn active_before(&self, target: &CronJobTarget, id: &RunId) -> Vec<Run> {
        let (active, _) = self.snapshot(target);
        active.into_iter().take_while(|run| run.id != *id).collect()
    }

    /// Stops the run with that id; None if it is not active.
    pub(super) fn stop_sender(&self, id: &RunId) -> Option<StopSender> {
        self.locked().active.iter().find(|active| active.run.id == *id).map(|active| active.stop.clone())
    }

    /// Rejects further claims, and returns the senders that stop the active runs.
    pub(super) fn close(&self) -> Vec<StopSender> {
        let mut runs = self.locked();
        runs.closed = true;
        runs.active.iter().map(|active| active.stop.clone()).collect()
    }

    fn locked(&self) -> MutexGuard<'_, RegisteredRuns> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(target: &CronJobTarget) -> (String, String) {
    (target.namespace.clone(), target.cronjob.clone())
}

#[cfg(test)]
mod tests {
    use trigger_core::run::Trigger;

    use super::*;

    fn target(cronjob: &str) -> CronJobTarget {
        CronJobTarget {
            name: cronjob.parse().unwrap(),
            namespace: "trading".to_owned(),
            cronjob: cronjob.to_owned(),
            allow_suspended: false,
            job_prefix: format!("{cronjob}-"),
        }
    }

    fn run(id: &str, job_name: &str, second: i64) -> Run {
        Run::pending(
            RunId::new(id),
            "sync".parse().unwrap(),
            "trading",
            job_name.to_owned(),
            Trigger::Manual,
            Timestamp::from_second(second).unwrap(),
        )
    }

    fn ids(runs: &[Run]) -> Vec<&str> {
        runs.iter().map(|run| run.id.as_str()).collect()
    }

    #[test]
    fn a_job_name_is_granted_once_also_after_its_run_has_ended() {
        let registry = Registry::default();
        let first = run("first", "sync-1", 1);
        assert!(matches!(registry.claim(&first, &target("sync")), Claim::Granted(_)));
        let name_is_taken = || {
            let claim = registry.claim(&run("second", "sync-1", 2), &target("sync"));
            matches!(claim, Claim::NameTaken(other) if other.id == first.id)
        };
        assert!(name_is_taken());
        registry.end(first.clone());
        assert!(name_is_taken());
        let elsewhere = Run { namespace: "other".to_owned(), ..run("third", "sync-1", 3) };
        assert!(matches!(registry.claim(&elsewhere, &target("sync")), Claim::Granted(_)));
        assert_eq!(registry.close().len(), 1);
        assert!(matches!(registry.claim(&run("fourth", "sync-4", 4), &target("sync")), Claim::Closed));
    }

    #[test]
    fn a_snapshot_has_the_active_runs_of_the_cronjob_and_its_newest_run() {
        let (registry, sync) = (Registry::default(), target("sync"));
        assert_eq!(registry.snapshot(&sync).1, "");
        registry.add_earlier(run("earlier", "sync-2", 2), &sync);
        registry.add_earlier(run("earliest", "sync-1", 1), &sync);
        assert_eq!(registry.snapshot(&sync).1, "earlier");
        let (first, second) = (run("first", "sync-3", 3), run("second", "sync-4", 4));
        registry.claim(&first, &sync);
        registry.claim(&second, &sync);
        registry.claim(&run("report", "report-1", 5), &target("report"));
        let (active, generation) = registry.snapshot(&sync);
        assert_eq!((ids(&active), generation.as_str()), (vec!["first", "second"], "second"));
        assert_eq!(ids(&registry.active_before(&sync, &second.id)), ["first"]);
        registry.end(first);
        registry.end(second);
        let (active, generation) = registry.snapshot(&sync);
        assert_eq!((ids(&active), generation.as_str()), (vec![], "second"), "an end keeps the generation");
    }
}
