//! Many runs and several replicas: each run is executed once, and never more than `max_concurrent` at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;
use trigger_core::parameters::Parameters;
use trigger_core::run::State;
use trigger_core::task::{Task, TaskDefinition, TaskError, TaskTarget};
use trigger_core::task_context::TaskContext;

use super::replica::Replica;
use super::scripted_task::target;
use crate::support::{TestDatabase, postgres, sqlite};

/// Counts its runs.
#[derive(Default)]
struct CountingTask {
    running: AtomicUsize,
    max_running: AtomicUsize,
    started: AtomicUsize,
}

#[async_trait]
impl Task for CountingTask {
    fn definition(&self) -> &'static TaskDefinition {
        static DEFINITION: TaskDefinition = TaskDefinition {
            name: "counting",
            parameters: Parameters::new,
            not_configured: "",
            routes: None,
        };
        &DEFINITION
    }

    fn resumable(&self) -> bool {
        true
    }

    fn check(&self, _: &Parameters) -> Result<(), String> {
        Ok(())
    }

    async fn run(&self, _: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_running.fetch_max(running, Ordering::SeqCst);
        self.started.fetch_add(1, Ordering::SeqCst);
        for step in 0..100 {
            context.report_progress(step, "a step");
            tokio::task::yield_now().await;
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        Ok(Value::Null)
    }

    fn page(&self, _: &Value) -> Option<String> {
        None
    }
}

async fn executes_all(database: &TestDatabase, replicas: usize, max_concurrent: u32, runs: u32) {
    let counting = Arc::new(CountingTask::default());
    let target = TaskTarget { max_concurrent, max_queued: runs, ..target(counting.clone()) };
    let mut started_replicas = Vec::new();
    for _ in 0..replicas {
        started_replicas.push(Replica::start(&database.url, &target).await);
    }
    let submitted = (0..runs).map(|number| started_replicas[number as usize % replicas].submit(number));
    let submitted = join_all(submitted).await;
    for run in &submitted {
        assert_eq!(started_replicas[0].ended(&run.id).await.state, State::Succeeded);
    }
    assert_eq!(counting.started.load(Ordering::SeqCst), runs as usize, "each is executed once");
    let max_running = counting.max_running.load(Ordering::SeqCst);
    assert!((1..=max_concurrent as usize).contains(&max_running), "{max_running} at the same time");
    for replica in started_replicas {
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_replicas_on_postgres_execute_each_run_once_and_one_at_a_time() {
    executes_all(&postgres().await, 3, 1, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_replicas_on_postgres_execute_at_most_two_at_the_same_time() {
    executes_all(&postgres().await, 3, 2, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_replica_on_sqlite_executes_at_most_three_at_the_same_time() {
    executes_all(&sqlite(), 1, 3, 60).await;
}
