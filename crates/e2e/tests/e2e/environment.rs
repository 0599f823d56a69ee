//! The environment that all scenarios share: a cluster, images, Postgres, the Worker and two releases.

use std::fs;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::cluster::Cluster;
use crate::command::{root, run};
use crate::release::{Release, ReleaseOptions};
use crate::services::{Services, ServicesGuard};

/// The label of the namespaces of one environment; its value is the environment's id.
pub(crate) const LABEL: &str = "tradeops.dev/e2e";

/// How scenarios reach the environment: `environment.json` in its folder.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Environment {
    pub(crate) id: u32,
    pub(crate) folder: PathBuf,
    pub(crate) cluster: Cluster,
    pub(crate) images: Images,
    pub(crate) services: Services,
}

/// Archives of images that have one tag.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Images {
    pub(crate) folder: PathBuf,
    pub(crate) tag: String,
}

/// Runs the environment until standard input closes. Prints its folder when scenarios can start.
#[expect(clippy::print_stdout, reason = "the process that started this one reads the line")]
pub(crate) fn serve() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (environment, _guard) = Environment::start(&runtime, folder.path());
    let served = catch_unwind(AssertUnwindSafe(|| {
        write(folder.path(), "environment.json", &serde_json::to_string(&environment).expect("plain data"));
        println!("{}", folder.path().display());
        thread::scope(|scope| {
            scope.spawn(|| environment.deploy_first());
            scope.spawn(|| environment.deploy_second());
            // The end of input and an error mean the same: no scenario is running any more.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        });
    }));
    let removed = catch_unwind(AssertUnwindSafe(|| environment.remove()));
    if served.is_ok() && removed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Environment {
    fn start(runtime: &Runtime, folder: &Path) -> (Self, ServicesGuard) {
        let cluster = Cluster::find_or_create();
        let images = Images::build();
        let (services, guard) = Services::start(runtime, cluster.address_for_pods());
        (Self { id: std::process::id(), folder: folder.to_owned(), cluster, images, services }, guard)
    }

    /// Reads what [`serve`] wrote.
    pub(crate) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("environment.json")).expect("the environment has started");
        serde_json::from_str(&text).expect("this program wrote it")
    }

    /// A release that works: everything is enabled, and `trades-sync-premarket` is scheduled each minute.
    fn deploy_first(&self) {
        let options = ReleaseOptions {
            purpose: "first",
            database: &self.services.for_pods(&self.services.views),
            helm: &[
                "--set=tradesSync.suspend=false",
                "--set=tradesSync.schedules.premarket.schedule=* * * * *",
                "--set=tradesSync.schedules.midday.schedule=0 0 29 2 *",
                "--set=tradesSync.schedules.postmarket.schedule=0 0 29 2 *",
            ],
            ..ReleaseOptions::default()
        };
        self.deploy(&options);
    }

    /// A second release, with an invalid database URL and without the analysis.
    fn deploy_second(&self) {
        let options = ReleaseOptions {
            purpose: "second",
            database: "postgress://reader@db.internal:5432/trades",
            helm: &[
                "--set=triggerApi.sourceDatabase.existingSecret=",
                "--set=portfolioTrigger.enabled=false",
            ],
            ..ReleaseOptions::default()
        };
        self.deploy(&options);
    }

    /// Deploys a release, and writes it, or the error, for the scenarios that wait for it.
    fn deploy(&self, options: &ReleaseOptions<'_>) {
        let release = Release::new(self, options);
        let output = release.deploy(&[]);
        let (suffix, text) = if output.succeeded {
            ("json", serde_json::to_string(&release).expect("plain data"))
        } else {
            ("error", format!("{}\n{}", output.stdout, output.stderr))
        };
        write(&self.folder, &format!("{}.{suffix}", options.purpose), &text);
    }

    /// The namespaces of this environment's releases.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let selector = format!("{LABEL}={}", self.id);
        let path = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
        let names = self.cluster.kubectl(&["get", "namespaces", "--selector", &selector, "--output", path]);
        names.lines().map(str::to_owned).collect()
    }

    /// Removes the releases as an operator does, and the namespaces. Fails if an object is left.
    fn remove(&self) {
        let namespaces = self.namespaces();
        for namespace in &namespaces {
            let mut command = self.cluster.command(root().join("scripts/deploy.sh"));
            // It fails if a scenario has already removed the release.
            run(command.arg("undeploy").env("NAMESPACE", namespace));
            self.cluster.kubectl(&["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
        }
        for namespace in &namespaces {
            let object = format!("namespace/{namespace}");
            self.cluster.kubectl(&["wait", "--for=delete", "--timeout=90s", &object]);
            let left = self.cluster.objects(namespace);
            let left: Vec<_> = left.iter().filter(|object| object.contains(namespace.as_str())).collect();
            assert!(left.is_empty(), "objects are left: {left:?}");
        }
        self.cluster.delete();
    }
}

impl Images {
    /// Builds the images of this checkout.
    fn build() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("images");
        let mut script = Command::new(root().join("crates/e2e/images.sh"));
        let tag = run(script.arg(&folder)).expect_success().trim().to_owned();
        Self { folder, tag }
    }
}

/// Writes a file in one step, so that nobody reads half of it.
fn write(folder: &Path, name: &str, text: &str) {
    let unfinished = folder.join(format!(".{name}"));
    fs::write(&unfinished, text).expect("the folder is ours");
    fs::rename(&unfinished, folder.join(name)).expect("the folder is ours");
}
