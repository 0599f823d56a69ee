//! Many runs, many replicas: each run is done once, and no more at once than may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;
use trigger_core::run::State;
use trigger_core::task::{Parameters, Task, TaskContext, TaskError, TaskTarget};

use super::replica::Replica;
use super::script::target;
use crate::support::{Place, postgres, sqlite};

/// Counts how many of its runs go on at once, and how many there were.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
    begun: AtomicUsize,
}

#[async_trait]
impl Task for Counting {
    fn name(&self) -> &'static str {
        "counting"
    }

    fn resumable(&self) -> bool {
        true
    }

    fn check(&self, _: &Parameters) -> Result<(), String> {
        Ok(())
    }

    async fn run(&self, _: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
        for step in 0..100 {
            context.progress(step, "a step");
            tokio::task::yield_now().await;
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Value::Null)
    }

    fn page(&self, _: &Value) -> Option<String> {
        None
    }
}

async fn all_are_done(place: &Place, replicas: usize, max_concurrent: u32, runs: u32) {
    let counting = Arc::new(Counting::default());
    let target = TaskTarget { max_concurrent, queue: runs, ..target(counting.clone()) };
    let mut started = Vec::new();
    for _ in 0..replicas {
        started.push(Replica::start(&place.url, &target).await);
    }
    let submitted = (0..runs).map(|number| started[number as usize % replicas].submit(number));
    let submitted = join_all(submitted).await;
    for run in &submitted {
        assert_eq!(started[0].ended(&run.id).await.state, State::Succeeded);
    }
    assert_eq!(counting.begun.load(Ordering::SeqCst), runs as usize, "each is done once");
    let most = counting.most.load(Ordering::SeqCst);
    assert!((1..=max_concurrent as usize).contains(&most), "{most} at once");
    for replica in started {
        replica.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_replicas_on_postgres_do_each_run_once_and_one_at_a_time() {
    all_are_done(&postgres().await, 3, 1, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_replicas_on_postgres_do_at_most_two_at_once() {
    all_are_done(&postgres().await, 3, 2, 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_replica_on_sqlite_does_at_most_three_at_once() {
    all_are_done(&sqlite(), 1, 3, 60).await;
}
