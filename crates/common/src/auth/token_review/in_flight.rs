//! Reviews in progress: requests with the same token share one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::OnceCell;

use super::cache::TokenDigest;

/// The reviews in progress, by the digest of their token.
pub(super) struct InFlight<V>(Mutex<HashMap<TokenDigest, Arc<OnceCell<V>>>>);

/// A review that one or more requests wait for.
struct SharedReview<'r, V> {
    all: &'r InFlight<V>,
    key: TokenDigest,
    outcome: Arc<OnceCell<V>>,
}

impl<V> Default for InFlight<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: Clone> InFlight<V> {
    /// The outcome of the review in progress, or of a new one. If the request that made the review ends before its outcome,
    /// the next one that waits makes it.
    pub(super) async fn join(&self, key: TokenDigest, review: impl Future<Output = V>) -> V {
        let outcome = Arc::clone(self.lock().entry(key).or_default());
        let shared = SharedReview { all: self, key, outcome };
        shared.outcome.get_or_init(|| review).await.clone()
    }
}

impl<V> InFlight<V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<TokenDigest, Arc<OnceCell<V>>>> {
        self.0.lock().expect("no code panics while it holds the lock")
    }
}

/// The last request that waits removes the review, also when it was cancelled.
impl<V> Drop for SharedReview<'_, V> {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        // One is in the map, and one is this.
        if Arc::strong_count(&self.outcome) == 2 {
            all.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{Arc, InFlight};

    #[tokio::test]
    async fn requests_with_one_token_share_a_review_and_nothing_remains() {
        let (reviews, count) = (Arc::new(InFlight::default()), Arc::new(AtomicUsize::new(0)));
        let (open, gate) = tokio::sync::watch::channel(false);
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let (reviews, count, mut gate) = (Arc::clone(&reviews), Arc::clone(&count), gate.clone());
                tokio::spawn(async move {
                    let review = async {
                        let _ = gate.wait_for(|open| *open).await;
                        count.fetch_add(1, Ordering::Relaxed)
                    };
                    reviews.join([0; 32], review).await
                })
            })
            .collect();
        // The first one makes the review. The others wait for it, also when it is cancelled.
        tokio::task::yield_now().await;
        waiting[0].abort();
        tokio::task::yield_now().await;
        open.send_replace(true);
        for (number, one) in waiting.into_iter().enumerate() {
            assert_eq!(one.await.ok(), (number > 0).then_some(0), "{number}");
        }
        assert!(reviews.lock().is_empty());
    }
}
