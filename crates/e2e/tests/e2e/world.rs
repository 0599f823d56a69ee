//! What the stories share. All of it is made when a story first asks for it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::cluster::Cluster;
use crate::parts::Parts;
use crate::release::{Release, Wanted};
use crate::shell::{root, run};

/// How long anything may take that a story waits for: the clock starts a run each minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// The shared parts.
#[derive(Debug)]
pub(crate) struct World {
    runtime: Runtime,
    cluster: OnceLock<Cluster>,
    images: OnceLock<Images>,
    parts: OnceLock<Parts>,
    first: OnceLock<Release>,
    second: OnceLock<Release>,
    namespaces: Mutex<Vec<String>>,
    explained: AtomicBool,
}

/// Archives of images, all of one tag.
#[derive(Debug)]
pub(crate) struct Images {
    pub(crate) folder: PathBuf,
    pub(crate) tag: String,
}

impl Default for World {
    fn default() -> Self {
        Self {
            runtime: Runtime::new().expect("a runtime"),
            cluster: OnceLock::new(),
            images: OnceLock::new(),
            parts: OnceLock::new(),
            first: OnceLock::new(),
            second: OnceLock::new(),
            namespaces: Mutex::default(),
            explained: AtomicBool::new(false),
        }
    }
}

impl World {
    /// The cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.cluster.get_or_init(Cluster::find)
    }

    /// The images of this checkout.
    pub(crate) fn images(&self) -> &Images {
        self.images.get_or_init(|| {
            let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("images");
            let mut script = std::process::Command::new(root().join("crates/e2e/images.sh"));
            let tag = run(script.arg(&folder)).well().trim().to_owned();
            Images { folder, tag }
        })
    }

    /// What is outside of the cluster.
    pub(crate) fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| Parts::start(&self.runtime, self.cluster().address_for_pods()))
    }

    /// A release that works: all is on, and the clock starts `trades-sync-premarket` each minute.
    pub(crate) fn first(&'static self) -> &'static Release {
        self.first.get_or_init(|| {
            let parts = self.parts();
            let wanted = Wanted {
                purpose: "first",
                database: &parts.for_pods(&parts.views),
                options: &[
                    "--set=tradesSync.suspend=false",
                    "--set=tradesSync.schedules.premarket.schedule=* * * * *",
                    "--set=tradesSync.schedules.midday.schedule=0 0 29 2 *",
                    "--set=tradesSync.schedules.postmarket.schedule=0 0 29 2 *",
                ],
                ..Wanted::default()
            };
            Release::deployed(self, &wanted)
        })
    }

    /// A release beside it, whose database's URL is none; it does without the analysis.
    pub(crate) fn second(&'static self) -> &'static Release {
        self.second.get_or_init(|| {
            let wanted = Wanted {
                purpose: "second",
                database: "postgress://reader@db.internal:5432/trades",
                options: &[
                    "--set=triggerApi.sourceDatabase.existingSecret=",
                    "--set=portfolioTrigger.enabled=false",
                ],
                ..Wanted::default()
            };
            Release::deployed(self, &wanted)
        })
    }

    /// Waits for something that takes its time.
    pub(crate) fn wait<T>(&self, something: impl Future<Output = T>) -> T {
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, something).await });
        waited.unwrap_or_else(|_| panic!("it did not come within {} s", PATIENCE.as_secs()))
    }

    /// Runs a future to its end.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Remembers a namespace that a test made.
    pub(crate) fn has(&self, namespace: &str) {
        self.namespaces.lock().expect("nobody panics with it").push(namespace.to_owned());
    }

    /// Prints what is in the namespaces of the tests, for the first one that fails.
    pub(crate) fn explain(&self) {
        let Some(cluster) = self.cluster.get() else { return };
        if self.explained.swap(true, Ordering::Relaxed) {
            return;
        }
        for namespace in self.namespaces.lock().expect("nobody panics with it").iter() {
            let show = |arguments: &[&str]| {
                cluster.try_kubectl(&[&["--namespace", namespace], arguments].concat()).stdout
            };
            let objects = show(&["get", "cronjobs,jobs,pods", "--output=wide"]);
            let events = show(&["get", "events", "--sort-by=.lastTimestamp"]);
            let logs =
                show(&["logs", "--selector=app.kubernetes.io/part-of=tradeops", "--prefix", "--tail=15"]);
            #[expect(clippy::print_stderr, reason = "it belongs to the failed test's output")]
            {
                eprintln!("in the namespace {namespace}:\n{objects}\n{events}\n{logs}");
            }
        }
    }

    /// Removes what is still deployed, as an operator does, and all namespaces; then nothing may be left.
    pub(crate) fn take_down(&self) {
        let Some(cluster) = self.cluster.get() else { return };
        let namespaces = self.namespaces.lock().expect("nobody panics with it");
        for namespace in namespaces.iter() {
            let mut command = cluster.command(root().join("scripts/deploy.sh"));
            // It fails where there is no release any more.
            run(command.arg("undeploy").env("NAMESPACE", namespace));
            cluster.kubectl(&["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
        }
        for namespace in namespaces.iter() {
            cluster.kubectl(&["wait", "--for=delete", "--timeout=90s", &format!("namespace/{namespace}")]);
            let left = cluster.objects(namespace);
            let left: Vec<_> = left.iter().filter(|object| object.contains(namespace.as_str())).collect();
            assert!(left.is_empty(), "left behind: {left:?}");
        }
        cluster.take_down();
    }
}
