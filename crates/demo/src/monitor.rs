//! `monitor-api`, which serves the registry of services, and an outage of NATS.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use registry_client::registration::Registration;
use reqwest::Client;
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::nats::NatsServer;
use crate::services::{self, Services};
use crate::{ports, print, programs};

/// The port that operators expect.
const USUAL_PORT: u16 = 8100;
/// When an instance without heartbeats is hidden. In production it is 35 s.
const STALE_THRESHOLD_SECONDS: &str = "3";
/// How long a state may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running monitor-api with its NATS and the services.
pub(crate) struct MonitorApi {
    url: String,
    client: Client,
    nats: NatsServer,
    process: Child,
    /// The services that stay until the demo ends.
    staying: Vec<Registration>,
}

/// The instances as monitor-api serves them.
struct InstanceList {
    instances: Vec<Value>,
    state: String,
    age: String,
}

/// Starts monitor-api and services, and shows what happens to them and to NATS.
///
/// # Errors
/// If a program can't be started, or a state is not reached.
pub(crate) async fn show(nats: NatsServer, folder: &Path) -> Result<MonitorApi, Box<dyn Error>> {
    print::step("monitor-api, which serves the registry of the stack's services in NATS");
    let mut monitor = MonitorApi::start(nats, folder)?;
    let services = services::register(&monitor.nats.url()).await?;
    monitor.until("six instances", |list| list.instances.len() == 6).await?.print();
    monitor.show_departures(services).await?;
    monitor.show_outage().await?;
    Ok(monitor)
}

impl MonitorApi {
    fn start(nats: NatsServer, folder: &Path) -> Result<Self, Box<dyn Error>> {
        let address = ports::free_address(USUAL_PORT)?;
        let log = folder.join("monitor-api.log");
        let mut command = Command::from(programs::monitor_api()?);
        command
            .env("NATS_URL", nats.url())
            .env("LISTEN_ADDR", address.to_string())
            .env("LOG_FORMAT", "pretty");
        command.env("STALE_THRESHOLD_SECONDS", STALE_THRESHOLD_SECONDS);
        command.stdin(Stdio::null()).stderr(File::create(&log)?).kill_on_drop(true).process_group(0);
        let url = format!("http://{address}");
        print::line(&format!("it serves on {url}; its log is {}", log.display()));
        Ok(Self { url, client: Client::new(), nats, process: command.spawn()?, staying: Vec::new() })
    }

    async fn show_departures(&mut self, services: Services) -> Result<(), Box<dyn Error>> {
        print::step("reporting deregisters, and risk-engine dies without doing so");
        let Services { staying, dying, leaving } = services;
        self.staying = staying;
        let began = Instant::now();
        Box::pin(leaving.deregister()).await;
        drop(dying);
        self.until("without reporting", |list| !list.has("reporting")).await?;
        print::done("reporting is gone", began.elapsed());
        let list = self.until("without risk-engine", |list| !list.has("risk-engine")).await?;
        print::done("risk-engine is hidden after its last heartbeat", began.elapsed());
        list.print();
        Ok(())
    }

    async fn show_outage(&mut self) -> Result<(), Box<dyn Error>> {
        print::step("NATS is killed");
        let began = Instant::now();
        self.nats.kill().await?;
        self.until("stale", |list| list.state == "stale").await?;
        print::done("monitor-api reports it", began.elapsed());
        let list = self.until("stale for a second", |list| list.state == "stale" && list.age != "0").await?;
        print::line(&format!("tradeops-state: {}   Age: {}   the last known state:", list.state, list.age));
        list.print();
        print::step("NATS is started again");
        let began = Instant::now();
        self.nats.restart()?;
        let list = self.until("live", |list| list.state == "live").await?;
        print::done("monitor-api is live", began.elapsed());
        print::line(&format!("tradeops-state: {}   Age: {}", list.state, list.age));
        Ok(())
    }

    /// Reads the list until it meets the condition.
    async fn until(
        &mut self,
        what: &str,
        is_met: impl Fn(&InstanceList) -> bool,
    ) -> Result<InstanceList, Box<dyn Error>> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(list) = self.instances().await
                && is_met(&list)
            {
                return Ok(list);
            }
            if let Some(status) = self.process.try_wait()? {
                return Err(format!("monitor-api ended with {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("{}/api/instances is not {what}", self.url).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn instances(&self) -> Option<InstanceList> {
        let response = self.client.get(format!("{}/api/instances", self.url)).send().await.ok()?;
        let response = response.error_for_status().ok()?;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let (state, age) = (header("tradeops-state"), header("age"));
        Some(InstanceList { instances: response.json().await.ok()?, state, age })
    }

    /// Prints what can be tried.
    pub(crate) fn print_addresses(&self) {
        print::step("monitor-api keeps running too");
        for (path, what) in [
            ("/api/instances", "the instances of all services"),
            ("/api/events -N", "changes as they happen"),
            ("/api/registry", "the state of NATS and of the bucket"),
            ("/docs", "everything else"),
        ] {
            print::line(&format!("curl {}{path:20} # {what}", self.url));
        }
    }

    /// Ends monitor-api and NATS.
    ///
    /// # Errors
    /// If one has ended already.
    pub(crate) async fn end(mut self) -> Result<(), Box<dyn Error>> {
        self.staying.clear();
        self.process.kill().await?;
        Ok(self.nats.kill().await?)
    }
}

impl InstanceList {
    fn has(&self, service: &str) -> bool {
        self.instances.iter().any(|instance| instance["serviceName"] == service)
    }

    fn print(&self) {
        for instance in &self.instances {
            let text = |name: &str| instance[name].as_str().unwrap_or("-").to_owned();
            print::line(&format!(
                "{:14}{:24}{:10}{:8}{}",
                text("serviceName"),
                text("instanceId"),
                text("status"),
                text("version"),
                text("lastHeartbeat")
            ));
        }
    }
}
