//! Health reports about a history that can't be read or written.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::postgres::Server;

use crate::support::{TriggerApi, answer, cronjob, namespace, problem, until};

const CRONJOBS: &str = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: job}\nspec:\n  schedule: '0 0 29 2 *'\n  \
    jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: local/true}]}}}}\n";

/// Variables for the local executor with one CronJob. The files are in the folder.
pub(super) fn variables(folder: &TempDir, database: &str) -> [(&'static str, String); 4] {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("cronjobs.yaml"), path("config.yaml"));
    std::fs::write(&manifest, CRONJOBS).expect("the file can be written");
    let text = format!("local:\n  manifests: {manifest}\n  programs: {{local/true: /bin/true}}\n");
    std::fs::write(&config, text).expect("the file can be written");
    [
        ("EXECUTOR", "local".to_owned()),
        ("CONFIG_FILE", config),
        ("CRONJOB_NAME", "job".to_owned()),
        ("DATABASE_URL", database.to_owned()),
    ]
}

fn start(folder: &TempDir, database: &str) -> TriggerApi {
    let variables = variables(folder, database);
    TriggerApi::spawn(&variables.each_ref().map(|(name, value)| (*name, value.as_str())))
}

async fn readiness(api: &TriggerApi) -> (StatusCode, Value) {
    answer(api.get("/readyz")).await
}

async fn wait_for_readiness(api: &TriggerApi, expected: Value) {
    until(&format!("/readyz answers 200 with {expected}"), async || {
        readiness(api).await == (StatusCode::OK, expected.clone())
    })
    .await;
}

/// The metrics. The time limit is that of a scrape by default.
async fn scrape(api: &TriggerApi) -> String {
    let response = api.get("/metrics").timeout(Duration::from_secs(10)).send().await.expect("a response");
    response.text().await.expect("a complete body")
}

async fn writable(api: &TriggerApi) -> String {
    let page = scrape(api).await;
    let line = page.lines().find(|line| line.starts_with("trigger_api_store_writable ")).expect("the metric");
    line.trim_start_matches("trigger_api_store_writable ").to_owned()
}

fn degraded(reason: &str) -> Value {
    json!({"status": "degraded", "reason": reason})
}

#[tokio::test]
async fn a_read_only_history_is_reported_and_jobs_are_started_and_stored_later() {
    let server = Server::start();
    let database = server.database().await;
    let folder = TempDir::new().unwrap();
    let mut api = start(&folder, &database.url);
    wait_for_readiness(&api, json!({"status": "ok"})).await;
    assert_eq!(writable(&api).await, "1");
    let switch = async |command: &str| {
        database.execute(&format!("ALTER SYSTEM {command}")).await;
        database.execute("SELECT pg_reload_conf()").await;
    };
    switch("SET default_transaction_read_only = on").await;
    let run = loop {
        let run = api.trigger().await;
        if writable(&api).await == "0" {
            break run;
        }
    };
    wait_for_readiness(&api, degraded("the history can't be written: the database is read-only")).await;
    let line = api.wait_for_log("the history can't be written: the database is read-only");
    assert!(line.contains("read-only transaction"), "the log has the error of the server: {line}");
    // A read-only server permits ALTER SYSTEM, because it changes no table.
    switch("RESET default_transaction_read_only").await;
    wait_for_readiness(&api, json!({"status": "ok"})).await;
    assert_eq!(writable(&api).await, "1");
    api.wait_for_log("the history can be written again");
    let ended = api.wait_for_end(run["run_id"].as_str().unwrap()).await;
    assert_eq!(ended["state"], "succeeded");
}

#[tokio::test]
async fn an_unreachable_history_is_reported_while_jobs_are_started() {
    let namespace = namespace("gone-history").await;
    namespace.apply(&cronjob("", ""));
    let mut server = Server::start();
    let database = server.database().await;
    let api = TriggerApi::start(&namespace, &[("DATABASE_URL", &database.url)]).await;
    server.kill();
    wait_for_readiness(&api, degraded("the history can't be read or written: the database can't be reached"))
        .await;
    assert_eq!(writable(&api).await, "0");
    api.trigger().await;
}

#[tokio::test]
async fn a_scrape_has_the_last_values_while_the_database_does_not_answer() {
    let server = Server::start();
    let database = server.database().await;
    let folder = TempDir::new().unwrap();
    let cronjob = variables(&folder, &database.url);
    let task = [("SOURCE_DATABASE_URL", database.url.as_str()), ("ADMIN_SECRET", "the-secret-of-the-admin")];
    let api = TriggerApi::spawn(
        &[&cronjob.each_ref().map(|(name, value)| (*name, value.as_str()))[..], &task].concat(),
    );
    let gauge = "trigger_api_task_runs{target=\"portfolio-analysis\",state=\"running\"} 0\n";
    until("the runs in the queue are counted", async || scrape(&api).await.contains(gauge)).await;
    let paused = server.pause();
    // More requests than the store has connections.
    for page in join_all((0..20).map(|_| scrape(&api))).await {
        assert!(page.contains(gauge), "{page}");
    }
    drop(paused);
    wait_for_readiness(&api, json!({"status": "ok"})).await;
}

#[tokio::test]
async fn without_its_history_the_local_executor_rejects_runs() {
    let mut server = Server::start();
    let database = server.database().await;
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &database.url);
    server.kill();
    problem(api.post("/trigger-sync"), 503, "store-unavailable").await;
}

/// A trigger-api with its history on a small disk that is mounted only for that process.
struct SmallDisk {
    api: TriggerApi,
    folder: TempDir,
}

impl SmallDisk {
    fn start(others: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let disk = folder.path().join("disk");
        std::fs::create_dir(&disk).expect("the folder can be created");
        let database = format!("sqlite:{}", disk.join("history.sqlite").display());
        let script = r#"mount -t tmpfs -o size=16m tmpfs "$0" && exec "$1""#;
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.arg(&disk).arg(env!("CARGO_BIN_EXE_trigger-api"));
        let variables = variables(&folder, &database);
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        Self { api: TriggerApi::spawn_by(command, &[&variables, others].concat()), folder }
    }

    /// Writes a file until the disk is full.
    fn fill(&self) -> File {
        let mut ballast = File::create(self.file("ballast")).expect("the file can be created");
        while ballast.write_all(&[0; 4096]).is_ok() {}
        ballast
    }

    /// The path of a file on the disk for the test process.
    fn file(&self, name: &str) -> PathBuf {
        let file = self.folder.path().join("disk").join(name);
        let root = Path::new("/proc").join(self.api.process_id().to_string()).join("root");
        root.join(file.strip_prefix("/").expect("an absolute path"))
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_without_a_request_until_it_has_space() {
    let disk = SmallDisk::start(&[]);
    let run = disk.api.trigger().await;
    disk.api.wait_for_end(run["run_id"].as_str().unwrap()).await;
    let ballast = disk.fill();
    wait_for_readiness(&disk.api, degraded("the history can't be written: the disk is full")).await;
    assert_eq!(writable(&disk.api).await, "0");
    disk.api.trigger().await;
    std::fs::remove_file(disk.file("ballast")).unwrap();
    drop(ballast);
    wait_for_readiness(&disk.api, json!({"status": "ok"})).await;
    assert_eq!(writable(&disk.api).await, "1");
}

#[tokio::test]
async fn on_a_full_disk_jobs_are_started_and_found_but_tasks_are_not_started_and_the_log_is_not_flooded() {
    let source = Server::shared().database().await;
    let secret = "the-secret-of-the-admin";
    let mut disk = SmallDisk::start(&[("SOURCE_DATABASE_URL", &source.url), ("ADMIN_SECRET", secret)]);
    let admin = |request: RequestBuilder| request.header("x-admin-secret", secret);
    let _ballast = disk.fill();
    wait_for_readiness(&disk.api, degraded("the history can't be written: the disk is full")).await;
    let mut runs = Vec::new();
    for _ in 0..30 {
        let (status, run) = answer(admin(disk.api.post("/v1/targets/job/runs"))).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{run}");
        runs.push(run["run_id"].as_str().expect("an id").to_owned());
    }
    for run in &runs {
        let (status, found) = answer(admin(disk.api.get(&format!("/v1/runs/{run}")))).await;
        assert_eq!((status, found["run_id"].as_str()), (StatusCode::OK, Some(run.as_str())), "{found}");
    }
    let analysis = disk.api.post("/api/admin/portfolio/trigger-analysis");
    problem(admin(analysis), 503, "store-unavailable").await;
    let page = scrape(&disk.api).await;
    let metric =
        |name: &str| page.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).map(str::to_owned);
    assert_eq!(metric("trigger_api_store_writable ").as_deref(), Some("0"), "{page}");
    let unsaved: usize = metric("trigger_api_store_unsaved_bytes ").expect("the metric").parse().unwrap();
    assert!(unsaved > 0, "{page}");
    assert_eq!(metric("trigger_api_store_dropped_total{kind=\"run\"} ").as_deref(), Some("0"), "{page}");
    assert_eq!(readiness(&disk.api).await.0, StatusCode::OK);
    let lines = disk.api.last_words();
    let reports = lines.iter().filter(|line| line.contains("history")).count();
    assert!((1..=3).contains(&reports), "{lines:#?}");
}
