//! The runs of this process: those that go on, and the latest of those that ended.
//!
//! A name is claimed under one lock, so that of many launches of one name one starts a program.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use trigger_core::run::{Run, RunId};
use trigger_core::target::Target;

/// How many ended runs are remembered here. The store has them too, but may have them a little later.
const ENDED_RUNS: usize = 1000;

/// Why a run is ended before it ends by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// Someone wants it to end.
    Cancelled,
    /// This program ends.
    Restarted,
}

/// Asks a run to end. It is closed when the run has ended and its end is noted.
pub(super) type Stopper = watch::Sender<Option<Stop>>;

/// What became of a claim to a name.
pub(super) enum Claim {
    /// The name is the caller's, who keeps the receiver until the run has ended.
    Granted(watch::Receiver<Option<Stop>>),
    /// Another run has the name.
    Lease(Box<Run>),
    /// This program ends: nothing is started any more.
    Closed,
}

#[derive(Default)]
pub(super) struct Registry {
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    /// Oldest first.
    live: Vec<Live>,
    /// Oldest first.
    ended: VecDeque<Run>,
    /// The newest run of each CronJob, by namespace and name.
    newest: HashMap<(String, String), (Timestamp, RunId)>,
    closed: bool,
}

struct Live {
    run: Run,
    cronjob: String,
    stop: Stopper,
}

impl Runs {
    fn of_job(&self, namespace: &str, job_name: &str) -> Option<&Run> {
        let live = self.live.iter().map(|live| &live.run);
        live.chain(&self.ended).find(|run| run.job_name == job_name && run.namespace == namespace)
    }
}

impl Registry {
    /// The run of a Job of that name.
    pub(super) fn of_job(&self, namespace: &str, job_name: &str) -> Option<Run> {
        self.locked().of_job(namespace, job_name).cloned()
    }

    /// Takes a run in, unless its Job's name is another's.
    pub(super) fn claim(&self, run: &Run, target: &Target) -> Claim {
        let mut runs = self.locked();
        if runs.closed {
            return Claim::Closed;
        }
        if let Some(other) = runs.of_job(&run.namespace, &run.job_name) {
            return Claim::Lease(Box::new(other.clone()));
        }
        let (stop, stopped) = watch::channel(None);
        runs.newest.insert(key(target), (run.created_at, run.id.clone()));
        runs.live.push(Live { run: run.clone(), cronjob: target.cronjob.clone(), stop });
        Claim::Granted(stopped)
    }

    /// Takes note of a run of an earlier process.
    pub(super) fn remember(&self, run: Run, target: &Target) {
        let mut runs = self.locked();
        let newest = runs.newest.entry(key(target)).or_insert_with(|| (run.created_at, run.id.clone()));
        if newest.0 < run.created_at {
            *newest = (run.created_at, run.id);
        }
    }

    /// Takes in how a run goes on.
    pub(super) fn update(&self, run: &Run) {
        if let Some(live) = self.locked().live.iter_mut().find(|live| live.run.id == run.id) {
            live.run = run.clone();
        }
    }

    /// Takes in how a run ended: from now on it is in nobody's way.
    pub(super) fn end(&self, run: Run) {
        let mut runs = self.locked();
        runs.live.retain(|live| live.run.id != run.id);
        if runs.ended.len() == ENDED_RUNS {
            runs.ended.pop_front();
        }
        runs.ended.push_back(run);
    }

    /// The run of that id, if it has ended and is remembered here.
    pub(super) fn ended(&self, id: &RunId) -> Option<Run> {
        self.locked().ended.iter().find(|run| run.id == *id).cloned()
    }

    /// The runs of a target's CronJob that go on, and the generation of its newest run.
    pub(super) fn snapshot(&self, target: &Target) -> (Vec<Run>, String) {
        let runs = self.locked();
        let is_of = |live: &&Live| live.cronjob == target.cronjob && live.run.namespace == target.namespace;
        let active = runs.live.iter().filter(is_of).map(|live| live.run.clone()).collect();
        let generation = runs.newest.get(&key(target)).map(|(_, id)| id.to_string());
        (active, generation.unwrap_or_default())
    }

    /// The runs of a target's CronJob that were claimed before that one and still go on.
    pub(super) fn before(&self, target: &Target, id: &RunId) -> Vec<Run> {
        let (active, _) = self.snapshot(target);
        active.into_iter().take_while(|run| run.id != *id).collect()
    }

    /// What ends that run, when it goes on.
    pub(super) fn stopper(&self, id: &RunId) -> Option<Stopper> {
        self.locked().live.iter().find(|live| live.run.id == *id).map(|live| live.stop.clone())
    }

    /// Grants no claim any more, and gives what ends the runs that go on.
    pub(super) fn close(&self) -> Vec<Stopper> {
        let mut runs = self.locked();
        runs.closed = true;
        runs.live.iter().map(|live| live.stop.clone()).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(target: &Target) -> (String, String) {
    (target.namespace.clone(), target.cronjob.clone())
}
