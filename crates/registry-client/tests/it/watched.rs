//! A bucket, a client that writes to it, and a watch that is compared with it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::kv::{Store, UpdateErrorKind};
use async_nats::jetstream::{self, Context};
use registry_client::bucket::NewBucket;
use registry_client::bucket_watch::{BucketEvent, BucketReport, BucketState, BucketWatch, Removal};
use registry_client::connection::{NatsConnection, NatsSettings};
use tokio::sync::watch;

/// The name of the bucket.
pub(crate) const BUCKET: &str = "service_registry";
/// How long a watch may take to reach a state.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a watch has reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// The values by key.
    pub(crate) values: BTreeMap<String, String>,
    /// The removals in their order.
    pub(crate) removals: Vec<(String, Removal)>,
    /// The states in their order.
    pub(crate) states: Vec<BucketState>,
    /// The number of writes.
    pub(crate) puts: usize,
}

/// A watch, and what it has reported.
pub(crate) struct Watched {
    view: Arc<Mutex<View>>,
    changes: watch::Receiver<u64>,
    pub(crate) report: BucketReport,
    pub(crate) connection: NatsConnection,
    task: tokio::task::JoinHandle<()>,
}

impl Watched {
    /// Watches the bucket of the server at this URL.
    pub(crate) async fn start(url: &str) -> Self {
        let connection = NatsConnection::start(&settings(url)).await.expect("the settings are valid");
        let watch = BucketWatch::new(&connection, BUCKET);
        let (report, view) = (watch.report(), Arc::new(Mutex::new(View::default())));
        let (counter, changes) = watch::channel(0);
        let shared = Arc::clone(&view);
        let task = tokio::spawn(watch.run(move |event| {
            apply(&mut shared.lock().unwrap_or_else(PoisonError::into_inner), event);
            counter.send_modify(|count| *count += 1);
        }));
        Self { view, changes, report, connection, task }
    }

    pub(crate) fn view(&self) -> View {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The problems of the connection and of the watch.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.connection.problems().into_iter().chain(self.report.problem()).collect()
    }

    /// Waits until a problem contains the text, and returns all problems.
    pub(crate) async fn until_problem(&self, text: &str) -> Vec<String> {
        let deadline = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let problems = self.problems();
            if problems.iter().any(|problem| problem.contains(text)) {
                return problems;
            }
            assert!(tokio::time::Instant::now() < deadline, "no problem contains {text:?}: {problems:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the view meets the condition, and returns it.
    pub(crate) async fn until(&mut self, what: &str, condition: impl Fn(&View) -> bool) -> View {
        let view = Arc::clone(&self.view);
        let is_met = |_: &u64| condition(&view.lock().unwrap_or_else(PoisonError::into_inner));
        let waited = tokio::time::timeout(TIMEOUT, self.changes.wait_for(is_met)).await.is_ok();
        assert!(waited, "not reached: {what}; the view is {:#?}", self.view());
        self.view()
    }

    /// Waits until the watch is live with these keys.
    pub(crate) async fn until_keys(&mut self, keys: &[&str]) -> View {
        let is_met = |view: &View| {
            view.values.keys().map(String::as_str).eq(keys.iter().copied())
                && view.states.last() == Some(&BucketState::Live)
        };
        self.until(&format!("live with the keys {keys:?}"), is_met).await
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn apply(view: &mut View, event: BucketEvent<'_>) {
    match event {
        BucketEvent::Put(put) => {
            view.puts += 1;
            view.values.insert(put.key.to_owned(), String::from_utf8_lossy(put.value).into_owned());
        }
        BucketEvent::Removed { key, reason, .. } => {
            assert!(view.values.remove(key).is_some(), "{key} is removed, and was not written");
            view.removals.push((key.to_owned(), reason));
        }
        BucketEvent::State(state) => view.states.push(state),
    }
}

pub(crate) fn settings(url: &str) -> NatsSettings {
    NatsSettings {
        url: url.into(),
        credentials: None,
        ca_file: None,
        domain: None,
        client_name: "test".to_owned(),
    }
}

/// JetStream of the server at this URL.
pub(crate) async fn jetstream_of(url: &str) -> Context {
    let client = async_nats::connect(url.split(',').map(str::to_owned).collect::<Vec<_>>()).await;
    jetstream::new(client.expect("the server runs"))
}

/// Creates the bucket with this maximum age; zero: entries do not expire.
pub(crate) async fn create_bucket(jetstream: &Context, max_age: Duration) -> Store {
    create_replicated(jetstream, max_age, 1).await
}

pub(crate) async fn create_replicated(jetstream: &Context, max_age: Duration, replicas: usize) -> Store {
    let config = NewBucket { max_age, history: 1, replicas }.stream_config(BUCKET);
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    while let Err(error) = jetstream.create_stream(config.clone()).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
    let store = jetstream.get_key_value(BUCKET).await.expect("the bucket exists");
    // In a cluster, the servers learn of a new stream one after the other. The condition of this update never holds, so
    // it writes nothing.
    while let Err(error) = store.update("a", "".into(), 1_000_000).await {
        if error.kind() == UpdateErrorKind::WrongLastRevision {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{error}");
    }
    store
}

pub(crate) async fn put(store: &Store, key: &str, value: &str) {
    store.put(key, value.to_owned().into()).await.expect("the bucket accepts it");
}
