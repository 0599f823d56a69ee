//! The process of the environment.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;

use tokio::runtime::Runtime;

use crate::cluster::Cluster;
use crate::command::{root, run};
use crate::environment::{Environment, Images, LABEL};
use crate::release::{Release, ReleaseOptions};
use crate::services::{Services, ServicesGuard};

/// Runs the environment until standard input closes. Prints its folder when scenarios can start.
#[expect(clippy::print_stdout, reason = "the process that started this one reads the line")]
pub(crate) fn serve() -> ExitCode {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (environment, _guard) = start(&runtime, folder.path());
    let served = catch_unwind(AssertUnwindSafe(|| {
        environment.write();
        println!("{}", folder.path().display());
        thread::scope(|scope| {
            scope.spawn(|| deploy_first(&environment));
            scope.spawn(|| deploy_second(&environment));
            // The end of input and an error mean the same: no scenario is running any more.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        });
    }));
    let removed = catch_unwind(AssertUnwindSafe(|| remove(&environment)));
    if served.is_ok() && removed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start(runtime: &Runtime, folder: &Path) -> (Environment, ServicesGuard) {
    let cluster = Cluster::find_or_create();
    let images = build_images();
    let (services, guard) = Services::start(runtime, cluster.address_for_pods());
    (Environment { id: std::process::id(), folder: folder.to_owned(), cluster, images, services }, guard)
}

/// Builds the images of this checkout.
fn build_images() -> Images {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("images");
    let mut script = Command::new(root().join("crates/e2e/images.sh"));
    let tag = run(script.arg(&folder)).expect_success().trim().to_owned();
    Images { folder, tag }
}

/// A release that works: everything is enabled, and `trades-sync-premarket` is scheduled each minute.
fn deploy_first(environment: &Environment) {
    let options = ReleaseOptions {
        purpose: "first",
        database: &environment.services.for_pods(&environment.services.views),
        helm: &[
            "--set=tradesSync.suspend=false",
            "--set=tradesSync.schedules.premarket.schedule=* * * * *",
            "--set=tradesSync.schedules.midday.schedule=0 0 29 2 *",
            "--set=tradesSync.schedules.postmarket.schedule=0 0 29 2 *",
        ],
        ..ReleaseOptions::default()
    };
    deploy(environment, &options);
}

/// A second release, with an invalid database URL and without the analysis.
fn deploy_second(environment: &Environment) {
    let options = ReleaseOptions {
        purpose: "second",
        database: "postgress://reader@db.internal:5432/trades",
        helm: &["--set=triggerApi.sourceDatabase.existingSecret=", "--set=portfolioTrigger.enabled=false"],
        ..ReleaseOptions::default()
    };
    deploy(environment, &options);
}

/// Deploys a release, and writes it, or the error, for the scenarios that wait for it.
fn deploy(environment: &Environment, options: &ReleaseOptions<'_>) {
    let release = Release::new(environment, options);
    let output = release.deploy(&[]);
    let (suffix, text) = if output.succeeded {
        ("json", serde_json::to_string(&release).expect("plain data"))
    } else {
        ("error", format!("{}\n{}", output.stdout, output.stderr))
    };
    environment.write_file(&format!("{}.{suffix}", options.purpose), &text);
}

/// Removes the releases as an operator does, and the namespaces. Fails if an object is left.
fn remove(environment: &Environment) {
    let namespaces = environment.namespaces();
    for namespace in &namespaces {
        let mut command = environment.cluster.command(root().join("scripts/deploy.sh"));
        // It fails if a scenario has already removed the release.
        run(command.arg("undeploy").env("NAMESPACE", namespace));
        environment.cluster.kubectl(&[
            "delete",
            "namespace",
            namespace,
            "--ignore-not-found",
            "--wait=false",
        ]);
    }
    let volumes = format!("--selector={LABEL}={}", environment.id);
    for namespace in &namespaces {
        let object = format!("namespace/{namespace}");
        environment.cluster.kubectl(&["wait", "--for=delete", "--timeout=90s", &object]);
        environment.cluster.kubectl(&["delete", "persistentvolumes", &volumes]);
        let left = environment.cluster.objects(namespace);
        let left: Vec<_> = left.iter().filter(|object| object.contains(namespace.as_str())).collect();
        assert!(left.is_empty(), "objects are left: {left:?}");
    }
    environment.cluster.delete();
}
