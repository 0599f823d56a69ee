//! What the recorder drops while the store can't be written is stored later from the executor.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use trigger_core::backfill;
use trigger_core::cronjob::{CronJobSummary, CronJobTarget, TargetSnapshot};
use trigger_core::executor::{
    Cancellation, Executor, ExecutorError, Freshness, Launched, NotReady, WholeLog,
};
use trigger_core::feed::Feed;
use trigger_core::log_text::LogTail;
use trigger_core::recorder::Recorder;
use trigger_core::request::RunRequest;
use trigger_core::run::{Run, RunId};
use trigger_core::run_store::{Retention, RunStore};

use super::support::{ended, open, sqlite, until};

const MAX_BYTES: usize = 256 * 1024;
const RUNS: i64 = 400;

/// An executor whose Jobs have ended, and whose pods still exist.
struct EndedJobs {
    recorder: Arc<Recorder>,
    runs: Vec<Run>,
}

fn tail(id: &RunId) -> LogTail {
    LogTail { text: Bytes::from(id.as_str().repeat(1_000)), cut: false, ..LogTail::default() }
}

#[async_trait]
impl Executor for EndedJobs {
    async fn inspect(&self, _: &CronJobTarget, _: Freshness) -> Result<TargetSnapshot, ExecutorError> {
        unreachable!("no test calls it")
    }

    async fn preview(&self, _: &CronJobTarget, _: &str, _: &RunRequest) -> Result<Value, ExecutorError> {
        unreachable!("no test calls it")
    }

    async fn launch(&self, _: &CronJobTarget, _: &str, _: &RunRequest) -> Result<Launched, ExecutorError> {
        unreachable!("no test calls it")
    }

    async fn active_before(&self, _: &CronJobTarget, _: &Run) -> Result<Vec<Run>, ExecutorError> {
        unreachable!("no test calls it")
    }

    async fn cancel(&self, _: &Run) -> Result<Cancellation, ExecutorError> {
        unreachable!("no test calls it")
    }

    async fn cronjob(&self, _: &CronJobTarget) -> Option<CronJobSummary> {
        None
    }

    async fn log(&self, _: &Run, _: Option<&str>) -> Result<Option<WholeLog>, ExecutorError> {
        unreachable!("no test calls it")
    }

    fn observed(&self, id: &RunId) -> Option<Run> {
        self.runs.iter().find(|run| run.id == *id).cloned()
    }

    fn observed_ids(&self) -> Vec<RunId> {
        self.runs.iter().map(|run| run.id.clone()).collect()
    }

    async fn recover_log(&self, run: &Run) {
        self.recorder.record_log(&run.id, tail(&run.id)).await;
    }

    fn readiness(&self) -> Result<(), NotReady> {
        Ok(())
    }
}

#[tokio::test]
async fn what_was_dropped_while_the_store_was_full_is_stored_when_it_can_be_written() {
    let database = sqlite();
    let store = open(&database.url).await;
    let limited = |bytes| Retention { runs: u32::MAX, events: u32::MAX, bytes };
    // The file can't grow.
    store.prune(limited(4096)).await.unwrap();
    let runs: Arc<dyn RunStore> = Arc::new(store.clone());
    let recorder =
        Arc::new(Recorder::new(Arc::clone(&runs), Arc::new(Feed::new(Arc::clone(&runs))), MAX_BYTES));
    let executor = EndedJobs {
        recorder: Arc::clone(&recorder),
        runs: (0..RUNS).map(|number| ended(&format!("{number:04}"), "trades-sync", number)).collect(),
    };
    let writing = async { recorder.run().await };
    let filling = backfill::run(&recorder, &executor);
    let scenario = async {
        for run in &executor.runs {
            recorder.observe(run.clone());
            recorder.keep_log(run.id.clone(), tail(&run.id));
            assert!(recorder.unsaved_bytes() <= MAX_BYTES, "{}", recorder.unsaved_bytes());
        }
        let dropped = recorder.dropped();
        assert!(recorder.has_gap() && dropped.runs > 0 && dropped.logs > 0, "{dropped:?}");
        until("the store is reported as full", async || {
            tokio::task::yield_now().await;
            store.unwritable().is_some()
        })
        .await;
        store.prune(limited(u64::MAX)).await.unwrap();
        until("the gap is filled", async || {
            tokio::task::yield_now().await;
            !recorder.has_gap()
        })
        .await;
        for run in &executor.runs {
            assert_eq!(store.run(&run.id).await.unwrap().as_ref(), Some(run));
            assert_eq!(store.log(&run.id).await.unwrap(), Some(tail(&run.id)));
        }
    };
    tokio::select! {
        () = writing => {}
        () = filling => {}
        () = scenario => {}
    }
}
