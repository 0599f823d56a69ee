//! `trigger-api`, which runs trades-sync's CronJob on this machine.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::civil::Date;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::{ports, print, programs};

/// The manifests of the CronJobs, as a cluster gets them.
const CRONJOBS: &str = include_str!("../../../deploy/manifests/prod/trades-sync.yaml");
/// The image of the CronJobs.
const IMAGE: &str = "gcr.io/united-lane-361102/trades-sync";
/// The CronJob that the demo starts.
const CRONJOB: &str = "trades-sync-postmarket";
/// The credential that the demo's trigger-api requires.
pub(crate) const ADMIN_SECRET: &str = "demo";
/// The port that operators expect.
const USUAL_PORT: u16 = 8000;
const READY_WITHIN: Duration = Duration::from_secs(20);

/// monitor-api hides instances earlier here than in production, so heartbeats are more frequent too.
const HEARTBEAT_SECONDS: &str = "1";

/// A running trigger-api.
pub(crate) struct TriggerApi {
    pub(crate) url: String,
    pub(crate) client: Client,
    process: Child,
}

/// Starts trigger-api and waits until it is ready.
///
/// # Errors
/// If it does not become ready.
pub(crate) async fn start(
    folder: &Path,
    database: &str,
    sqlite: &Path,
    nats: Option<&str>,
) -> Result<TriggerApi, Box<dyn Error>> {
    print::step(&format!("trigger-api with the CronJob {CRONJOB} as its target"));
    std::fs::write(folder.join("cronjobs.yaml"), CRONJOBS)?;
    let config = folder.join("trigger-api.json");
    std::fs::write(&config, settings(folder, database, sqlite)?.to_string())?;
    common::tls::install_provider();
    let address = ports::free_address(USUAL_PORT)?;
    let log = folder.join("trigger-api.log");
    let mut command = Command::from(programs::trigger_api()?);
    command.env("CONFIG_FILE", &config).env("LISTEN_ADDR", address.to_string()).env("LOG_FORMAT", "pretty");
    if let Some(nats) = nats {
        command.env("NATS_URL", nats).env("HEARTBEAT_INTERVAL_SECONDS", HEARTBEAT_SECONDS);
    }
    // With a process group of its own, Ctrl-C signals only the demo, which then ends trigger-api.
    command.stdin(Stdio::null()).stderr(File::create(&log)?).kill_on_drop(true).process_group(0);
    let secret = [(HeaderName::from_static("x-admin-secret"), HeaderValue::from_static(ADMIN_SECRET))];
    let client = Client::builder().default_headers(secret.into_iter().collect()).build()?;
    let mut api = TriggerApi { url: format!("http://{address}"), client, process: command.spawn()? };
    if let Err(error) = api.ready().await {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        return Err(format!("{error}; its log:\n{text}").into());
    }
    print::line(&format!("it serves on {}; its log is {}", api.url, log.display()));
    Ok(api)
}

/// Settings that let the local executor run the CronJob's container: the demo binary instead of the image, and values instead of a
/// cluster's Secrets.
fn settings(folder: &Path, database: &str, sqlite: &Path) -> Result<Value, Box<dyn Error>> {
    Ok(json!({
        "executor": "local",
        "cronjob_name": CRONJOB,
        "database_url": format!("sqlite:{}", folder.join("trigger-api.sqlite").display()),
        "admin_secret": ADMIN_SECRET,
        "source_database_url": database,
        "local": {
            "manifests": folder.join("cronjobs.yaml"),
            "programs": { IMAGE: [programs::path()?, programs::TRADES_SYNC] },
            "env": {
                "DATABASE_URL": database,
                "INTERNAL_TOKEN": "not used by this sink",
                "SINK": "sqlite",
                "SQLITE_PATH": sqlite,
                "LOG_FORMAT": "pretty",
            },
        },
    }))
}

impl TriggerApi {
    async fn ready(&mut self) -> Result<(), Box<dyn Error>> {
        let ready = format!("{}/readyz", self.url);
        let is_ready = async {
            loop {
                if let Ok(response) = self.client.get(&ready).send().await
                    && response.status().is_success()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = is_ready => Ok(()),
            status = self.process.wait() => Err(format!("trigger-api ended with {}", status?).into()),
            () = tokio::time::sleep(READY_WITHIN) => Err("trigger-api did not become ready".into()),
        }
    }

    /// Starts a run over HTTP, and prints its log and its result.
    ///
    /// # Errors
    /// If the run can't be started, or does not succeed.
    pub(crate) async fn show(&self) -> Result<(), Box<dyn Error>> {
        print::step(&format!("curl -X POST -H 'X-Admin-Secret: {ADMIN_SECRET}' {}/trigger-sync", self.url));
        let response = self.client.post(format!("{}/trigger-sync", self.url)).send().await?;
        let (status, started): (StatusCode, Value) = (response.status(), response.json().await?);
        print::line(&format!("{status}: {}", started["message"].as_str().unwrap_or_default()));
        let (run, logs) = match (started["links"]["self"].as_str(), started["links"]["logs"].as_str()) {
            (Some(run), Some(logs)) if status.is_success() => (run, logs),
            _ => return Err(format!("no run was started: {started}").into()),
        };
        print::step(&format!("curl ... '{}{logs}?follow=true'", self.url));
        let mut log = self.client.get(format!("{}{logs}?follow=true", self.url)).send().await?.bytes_stream();
        while let Some(chunk) = log.next().await {
            String::from_utf8_lossy(&chunk?).lines().for_each(print::line);
        }
        print::step(&format!("curl ... {}{run}", self.url));
        let run: Value = self.client.get(format!("{}{run}", self.url)).send().await?.json().await?;
        for field in
            ["job_name", "state", "trigger", "requested_by", "created_at", "started_at", "finished_at"]
        {
            print::line(&format!("{field:14}{}", run[field].as_str().unwrap_or("-")));
        }
        if run["state"] == "succeeded" {
            Ok(())
        } else {
            Err(format!("the run did not succeed: {run}").into())
        }
    }

    /// Ships an earlier day, which is a parameter of the CronJob.
    ///
    /// # Errors
    /// If the run can't be started, or does not succeed.
    pub(crate) async fn show_parameter(&self, day: Date) -> Result<(), Box<dyn Error>> {
        let body = json!({ "parameters": { "SYNC_DATE": day.to_string() } });
        print::step(&format!("curl ... -H 'Prefer: wait=60' --json '{body}' {}/trigger-sync", self.url));
        let request = self.client.post(format!("{}/trigger-sync", self.url)).header("Prefer", "wait=60");
        let started: Value = request.json(&body).send().await?.json().await?;
        let path =
            started["links"]["self"].as_str().ok_or_else(|| format!("no run was started: {started}"))?;
        let run: Value = self.client.get(format!("{}{path}", self.url)).send().await?.json().await?;
        for field in ["job_name", "state", "parameters"] {
            print::line(&format!("{field:14}{}", run[field]));
        }
        if run["state"] == "succeeded" {
            Ok(())
        } else {
            Err(format!("the run did not succeed: {run}").into())
        }
    }

    /// Keeps trigger-api running until Ctrl-C.
    ///
    /// # Errors
    /// If trigger-api ends by itself.
    pub(crate) async fn stay(&mut self) -> Result<(), Box<dyn Error>> {
        let curl = format!("curl -H 'X-Admin-Secret: {ADMIN_SECRET}' {}", self.url);
        print::step("trigger-api keeps running: try it from another terminal, and press Ctrl-C to end it");
        for (path, what) in [
            ("/trigger-sync -X POST", "start a run"),
            ("/api/admin/portfolio/trigger-analysis -X POST", "start an analysis"),
            ("/v1/runs", "the history"),
            ("/v1/targets", "the targets, and when each runs next"),
            ("/v1/events -N", "state changes as they happen"),
            ("/openapi.json", "everything else"),
        ] {
            print::line(&format!("{curl}{path:48} # {what}"));
        }
        tokio::select! {
            status = self.process.wait() => Err(format!("trigger-api ended with {}", status?).into()),
            _ = common::shutdown::requested() => Ok(()),
        }
    }

    /// Terminates trigger-api and waits for it.
    ///
    /// # Errors
    /// If it ends with an error.
    pub(crate) async fn end(mut self) -> Result<(), Box<dyn Error>> {
        print::step("Ending");
        let id = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(id.ok_or("trigger-api has already ended")?, Signal::TERM)?;
        let status = self.process.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("trigger-api ended with {status}").into()) }
    }
}
