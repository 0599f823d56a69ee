//! The changes of runs and of targets.

use futures_util::Stream;

use super::Runs;
use crate::feed::{Notice, Subscription};
use crate::run::{Run, RunId, State};
use crate::store_error::StoreError;
use crate::target_watch::ObservedCronJob;

impl Runs {
    /// The changes of all runs from now on, or after the event of that number.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn changes(
        &self,
        after: Option<i64>,
    ) -> Result<Subscription<impl Stream<Item = Notice> + Send + use<>>, StoreError> {
        self.feed.subscribe(after).await
    }

    /// The number of the last event that everything reflects that is read after this call.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn last_event(&self) -> Result<i64, StoreError> {
        self.feed.position().await
    }

    /// Waits for a change of a run that can't be stored; see [`crate::recorder::Recorder::unsaved_change`].
    pub async fn unsaved_change(&self, id: &RunId, known: State) -> Run {
        self.recorder.unsaved_change(id, known).await
    }

    /// The present state of each target's CronJob, and then each change.
    pub async fn target_changes(&self) -> impl Stream<Item = ObservedCronJob> + Send + use<> {
        self.target_watch.subscribe().await
    }

    /// Looks for changes of the targets' CronJobs. Never returns.
    pub async fn watch_targets(&self) {
        self.target_watch.run().await;
    }
}
