//! Lists objects, and then watches them.
//!
//! The API server ends each watch after 25 s, and the next one resumes at the same resourceVersion. A connection that
//! hangs is closed by the read timeout of the client for watches. When the API server no longer has the resourceVersion
//! (410 Gone), the objects are listed again. This is kube's watcher, except that it never has a whole page in memory.
//!
//! While the API server denies the list or the watch, the pauses between attempts increase. With the right to list only, each
//! attempt lists the objects.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::StreamExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::runtime::watcher::Event;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use trigger_core::recorder::Recorder;

use super::error::{is_denied, is_status};
use super::object_list::list_each;

const WATCH_SECONDS: u32 = 25;
const MIN_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Short enough that a recovery is noticed within seconds.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Objects of one kind that are watched.
pub(super) struct Watched<K> {
    pub(super) api: Api<K>,
    /// The selectors.
    pub(super) selection: ListParams,
    /// Stores what the changes cause. Lists do not get far ahead of it.
    pub(super) recorder: Option<Arc<Recorder>>,
    /// The longest pause while the API server denies the list or the watch.
    pub(super) max_denied_delay: Duration,
}

/// What happens to the watched objects.
pub(super) enum Report<K> {
    /// The objects, or a change of one of them.
    Changed(Event<K>),
    /// The API server accepts the watch.
    Watching,
    /// A request failed that needs the right to `list` or to `watch`.
    Failed(&'static str, kube::Error),
}

/// Increasing pauses between attempts.
struct Delays {
    builder: ExponentialBuilder,
    next: ExponentialBackoff,
    max: Duration,
}

impl Delays {
    fn new(max: Duration) -> Self {
        // The jitter can double a pause.
        let builder = ExponentialBuilder::new().with_min_delay(MIN_RETRY_DELAY).with_max_delay(max / 2);
        let builder = builder.with_jitter().without_max_times();
        Self { builder, next: builder.build(), max }
    }

    fn reset(&mut self) {
        self.next = self.builder.build();
    }

    fn next(&mut self) -> Duration {
        self.next.next().unwrap_or(self.max)
    }
}

impl<K: Resource + Clone + DeserializeOwned + Debug + Send + 'static> Watched<K> {
    /// Reports the objects, their changes, and errors. Never returns.
    pub(super) async fn follow(&self, mut report: impl FnMut(Report<K>) + Send) {
        let (mut delays, mut denied_delays) =
            (Delays::new(MAX_RETRY_DELAY), Delays::new(self.max_denied_delay));
        // Where the next watch begins; None before a list.
        let mut version = None;
        loop {
            let started = Instant::now();
            let (verb, ended) = match &mut version {
                None => ("list", self.list(&mut report).await.map(|listed| version = Some(listed))),
                Some(version) => ("watch", self.watch(version, &mut report).await),
            };
            if ended.is_ok() || started.elapsed() > MAX_RETRY_DELAY {
                delays.reset();
            }
            let Err(error) = ended else {
                // A list alone does not end the pauses: the watch after it may still be denied.
                if verb == "watch" {
                    denied_delays.reset();
                }
                continue;
            };
            let is_denied = is_denied(&error);
            if is_denied || is_status(&error, 410, "") {
                version = None;
            }
            report(Report::Failed(verb, error));
            let delay = if is_denied { denied_delays.next() } else { delays.next() };
            tokio::time::sleep(delay).await;
        }
    }

    /// Reports the present objects, and returns their resourceVersion.
    async fn list(&self, report: &mut (impl FnMut(Report<K>) + Send)) -> kube::Result<String> {
        let mut changed = |event| report(Report::Changed(event));
        changed(Event::Init);
        let version = list_each(
            &self.api,
            &self.selection,
            |object| changed(Event::InitApply(object)),
            self.recorder.as_deref(),
        )
        .await?;
        changed(Event::InitDone);
        Ok(version)
    }

    /// Reports the changes after the version, and increases it, until the watch ends.
    async fn watch(
        &self,
        version: &mut String,
        report: &mut (impl FnMut(Report<K>) + Send),
    ) -> kube::Result<()> {
        let params = WatchParams {
            label_selector: self.selection.label_selector.clone(),
            field_selector: self.selection.field_selector.clone(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            ..WatchParams::default()
        };
        let mut events = pin!(self.api.watch(&params, version).await?);
        report(Report::Watching);
        while let Some(event) = events.next().await {
            let observed = match &event {
                Ok(
                    WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object),
                ) => object.meta().resource_version.clone(),
                Ok(WatchEvent::Bookmark(bookmark)) => Some(bookmark.metadata.resource_version.clone()),
                Ok(WatchEvent::Error(_)) | Err(_) => None,
            };
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    report(Report::Changed(Event::Apply(object)));
                }
                WatchEvent::Deleted(object) => report(Report::Changed(Event::Delete(object))),
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(kube::Error::Api(status)),
            }
            if let Some(observed) = observed {
                *version = observed;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
