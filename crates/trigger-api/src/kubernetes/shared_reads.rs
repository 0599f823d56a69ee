//! Reads CronJobs from the API server. Requests that wait for a read share the next one.
//!
//! A start uses the template as it was when its request arrived, or a later one. A read that was sent before the request
//! arrived may return an older template. The read after it is sent when the earlier one has ended, and serves every
//! request that arrived before. So many concurrent starts cost few reads, and a single one is not delayed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use trigger_core::executor::ExecutorError;
use trigger_core::target_name::TargetName;

/// The reads of all targets. `T` is what a read returns.
pub(super) struct SharedReads<T> {
    of_target: Mutex<HashMap<TargetName, Arc<TargetReads<T>>>>,
}

struct TargetReads<T> {
    /// The number of requests so far.
    requests: AtomicU64,
    last: tokio::sync::Mutex<LastRead<T>>,
}

struct LastRead<T> {
    /// How many requests had arrived when the read was sent.
    requests: u64,
    outcome: Option<Result<Arc<T>, ExecutorError>>,
}

impl<T> Default for SharedReads<T> {
    fn default() -> Self {
        Self { of_target: Mutex::default() }
    }
}

impl<T> SharedReads<T> {
    /// The outcome of a read that is sent after this call.
    pub(super) async fn read<F>(
        &self,
        target: &TargetName,
        send: impl FnOnce() -> F,
    ) -> Result<Arc<T>, ExecutorError>
    where
        F: Future<Output = Result<Arc<T>, ExecutorError>>,
    {
        let reads = self.of(target);
        let request = reads.requests.fetch_add(1, Ordering::Relaxed) + 1;
        // Waits for the read in progress. If this future is dropped, the next one that waits sends the read.
        let mut last = reads.last.lock().await;
        if last.requests >= request
            && let Some(outcome) = &last.outcome
        {
            return outcome.clone();
        }
        let requests = reads.requests.load(Ordering::Relaxed);
        let outcome = send().await;
        // Only what other requests wait for is kept.
        let is_shared = requests > request;
        *last = LastRead { requests, outcome: is_shared.then(|| outcome.clone()) };
        outcome
    }

    fn of(&self, target: &TargetName) -> Arc<TargetReads<T>> {
        let mut of_target = self.of_target.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reads) = of_target.get(target) {
            return Arc::clone(reads);
        }
        let last = tokio::sync::Mutex::new(LastRead { requests: 0, outcome: None });
        let reads = Arc::new(TargetReads { requests: AtomicU64::new(0), last });
        of_target.insert(target.clone(), Arc::clone(&reads));
        reads
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Poll;

    use futures_util::poll;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn requests_share_a_read_only_if_it_is_sent_after_they_arrived() {
        let (reads, target) = (SharedReads::<&str>::default(), "sync".parse().unwrap());
        let (first_response, response) = oneshot::channel();
        let mut first = pin!(reads.read(&target, || async { Ok(Arc::new(response.await.unwrap())) }));
        assert!(poll!(&mut first).is_pending());
        let (second_response, response) = oneshot::channel();
        let mut second = pin!(reads.read(&target, || async { Ok(Arc::new(response.await.unwrap())) }));
        let never = || async { panic!("the third request shares the read of the second one") };
        let mut third = pin!(reads.read(&target, never));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        first_response.send("the old template").unwrap();
        assert_eq!(*first.await.unwrap(), "the old template");
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        second_response.send("the new template").unwrap();
        assert_eq!(*second.await.unwrap(), "the new template");
        assert_eq!(*third.await.unwrap(), "the new template");
        let fourth = reads.read(&target, || async { Ok(Arc::new("the newest template")) }).await;
        assert_eq!(*fourth.unwrap(), "the newest template");
    }

    #[tokio::test]
    async fn when_a_request_ends_early_the_next_one_sends_the_read() {
        let (reads, target) = (SharedReads::<&str>::default(), "sync".parse().unwrap());
        let mut second = {
            let mut dropped = Box::pin(reads.read(&target, std::future::pending));
            assert!(poll!(&mut dropped).is_pending());
            let mut second = Box::pin(reads.read(&target, || async { Ok(Arc::new("read")) }));
            assert!(poll!(&mut second).is_pending());
            second
        };
        assert!(matches!(poll!(&mut second), Poll::Ready(Ok(outcome)) if *outcome == "read"));
    }

    #[tokio::test]
    async fn a_failure_is_shared_and_the_next_request_reads_again() {
        let (reads, target) = (SharedReads::<&str>::default(), "sync".parse().unwrap());
        let (response, failing) = oneshot::channel::<()>();
        let mut first = pin!(reads.read(&target, || async {
            let _ = failing.await;
            Ok(Arc::new("first"))
        }));
        assert!(poll!(&mut first).is_pending());
        let unreachable = || async { Err(ExecutorError::Unreachable("refused".to_owned())) };
        let (mut second, mut third) =
            (pin!(reads.read(&target, unreachable)), pin!(reads.read(&target, unreachable)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        drop(response);
        first.await.unwrap();
        assert!(matches!(second.await, Err(ExecutorError::Unreachable(_))));
        assert!(matches!(third.await, Err(ExecutorError::Unreachable(_))));
        let fourth = reads.read(&target, || async { Ok(Arc::new("again")) }).await;
        assert_eq!(*fourth.unwrap(), "again");
    }
}
