//! Lists objects, and then watches them.
//!
//! The API server ends each watch after 25 s, and the next one resumes at the same resourceVersion. A connection that
//! hangs is closed by the read timeout of the client for watches. When the API server no longer has the resourceVersion
//! (410 Gone), or this program lacked a right, the objects are listed again. This is kube's watcher, except that it never has a whole page in memory.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::runtime::watcher::Event;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::error::is_status;
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
}

impl<K: Resource + Clone + DeserializeOwned + Debug + Send + 'static> Watched<K> {
    /// Reports the objects, their changes, and errors. Never returns.
    pub(super) async fn follow(&self, mut report: impl FnMut(kube::Result<Event<K>>) + Send) {
        let delays =
            ExponentialBuilder::new().with_min_delay(MIN_RETRY_DELAY).with_max_delay(MAX_RETRY_DELAY);
        let delays = delays.with_jitter().without_max_times();
        let mut retry_delays = delays.build();
        // Where the next watch begins; None before a list.
        let mut version = None;
        loop {
            let started = Instant::now();
            let ended = match &mut version {
                None => self.list(&mut report).await.map(|listed| version = Some(listed)),
                Some(version) => self.watch(version, &mut report).await,
            };
            if ended.is_ok() || started.elapsed() > MAX_RETRY_DELAY {
                retry_delays = delays.build();
            }
            if let Err(error) = ended {
                // After a missing right was granted, the list shows that the objects are known again.
                if is_status(&error, 410, "") || is_status(&error, 403, "") {
                    version = None;
                }
                report(Err(error));
                tokio::time::sleep(retry_delays.next().unwrap_or(MAX_RETRY_DELAY)).await;
            }
        }
    }

    /// Reports the present objects, and returns their resourceVersion.
    async fn list(&self, report: &mut (impl FnMut(kube::Result<Event<K>>) + Send)) -> kube::Result<String> {
        report(Ok(Event::Init));
        let version =
            list_each(&self.api, &self.selection, |object| report(Ok(Event::InitApply(object)))).await?;
        report(Ok(Event::InitDone));
        Ok(version)
    }

    /// Reports the changes after the version, and increases it, until the watch ends.
    async fn watch(
        &self,
        version: &mut String,
        report: &mut (impl FnMut(kube::Result<Event<K>>) + Send),
    ) -> kube::Result<()> {
        let params = WatchParams {
            label_selector: self.selection.label_selector.clone(),
            field_selector: self.selection.field_selector.clone(),
            timeout: Some(WATCH_SECONDS),
            bookmarks: true,
            ..WatchParams::default()
        };
        let mut events = pin!(self.api.watch(&params, version).await?);
        while let Some(event) = events.next().await {
            let observed = match &event {
                Ok(
                    WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object),
                ) => object.meta().resource_version.clone(),
                Ok(WatchEvent::Bookmark(bookmark)) => Some(bookmark.metadata.resource_version.clone()),
                Ok(WatchEvent::Error(_)) | Err(_) => None,
            };
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => report(Ok(Event::Apply(object))),
                WatchEvent::Deleted(object) => report(Ok(Event::Delete(object))),
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
