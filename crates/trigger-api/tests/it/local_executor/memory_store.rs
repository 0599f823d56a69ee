//! A store in memory, as much of one as these tests need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use trigger_api::domain::feed::Event;
use trigger_api::domain::log_book::LogTail;
use trigger_api::domain::ports::{Retention, RunFilter, RunStore, StoreError};
use trigger_api::domain::run::{Run, RunId};
use trigger_api::domain::target::TargetName;

/// The store that the tests use.
pub(crate) fn store() -> Arc<dyn RunStore> {
    Arc::new(MemoryStore::default())
}

#[derive(Default)]
struct MemoryStore(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    runs: Vec<Run>,
    logs: HashMap<RunId, LogTail>,
    events: Vec<Event>,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("no test panics while it holds the tables")
    }
}

impl Tables {
    fn newest(&self, wanted: impl Fn(&Run) -> bool) -> Vec<Run> {
        let mut runs: Vec<Run> = self.runs.iter().filter(|run| wanted(run)).cloned().collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id.clone())));
        runs
    }

    fn save(&mut self, seen: &Run) -> Run {
        let known = self.runs.iter_mut().find(|run| run.id == seen.id);
        let (merged, changed) = if let Some(run) = known {
            let merged = run.merged(seen);
            let changed = (merged.state, &merged.cause) != (run.state, &run.cause);
            *run = merged.clone();
            (merged, changed)
        } else {
            self.runs.push(seen.clone());
            (seen.clone(), true)
        };
        if changed {
            let sequence = i64::try_from(self.events.len()).expect("few events") + 1;
            let run = Arc::new(merged.clone());
            let (run_id, target, state) = (run.id.clone(), run.target.clone(), run.state);
            self.events.push(Event { sequence, run_id, target, state, run });
        }
        merged
    }
}

#[async_trait]
impl RunStore for MemoryStore {
    async fn save(&self, run: &Run) -> Result<Run, StoreError> {
        Ok(self.tables().save(run))
    }

    async fn run(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        Ok(self.tables().runs.iter().find(|run| run.id == *id).cloned())
    }

    async fn run_of_job(&self, target: &TargetName, job_name: &str) -> Result<Option<Run>, StoreError> {
        let is_it = |run: &Run| run.target == *target && run.job_name == job_name;
        Ok(self.tables().newest(is_it).into_iter().next())
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StoreError> {
        let is_it = |run: &Run| filter.target.as_ref().is_none_or(|target| run.target == *target);
        Ok(self.tables().newest(is_it).into_iter().take(filter.limit.into()).collect())
    }

    async fn unfinished(&self, target: &TargetName) -> Result<Vec<Run>, StoreError> {
        Ok(self.tables().newest(|run| run.target == *target && !run.state.is_final()))
    }

    async fn save_log(&self, id: &RunId, tail: &LogTail) -> Result<(), StoreError> {
        self.tables().logs.insert(id.clone(), tail.clone());
        Ok(())
    }

    async fn log(&self, id: &RunId) -> Result<Option<LogTail>, StoreError> {
        Ok(self.tables().logs.get(id).cloned())
    }

    async fn events_after(&self, sequence: i64, limit: u16) -> Result<Vec<Event>, StoreError> {
        let after = |event: &&Event| event.sequence > sequence;
        Ok(self.tables().events.iter().filter(after).take(limit.into()).cloned().collect())
    }

    async fn event_range(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let events = &self.tables().events;
        Ok(events.first().zip(events.last()).map(|(first, last)| (first.sequence, last.sequence)))
    }

    async fn prune(&self, _retention: Retention) -> Result<u64, StoreError> {
        Ok(0)
    }
}
