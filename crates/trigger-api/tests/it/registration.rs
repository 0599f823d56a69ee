//! The entry of the service in the registry, on a real NATS.

use futures_util::StreamExt;
use registry_client::bucket::{self, NewBucket};
use registry_client::connection::{NatsConnection, NatsSettings};
use registry_client::instance::{Instance, InstanceStatus};
use registry_client::key::instance_key;
use reqwest::StatusCode;
use tempfile::TempDir;
use testkit::nats::{NatsServer, NatsVersion};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::support::{PATIENCE, TriggerApi, answer};

const POD: &str = "trigger-api-5d9c7b6f4-x2x7q";
const BUCKET: &str = "service_registry";

/// The revisions of the service's entry in their order; None for its removal.
struct EntryRevisions(UnboundedReceiver<Option<Instance>>);

impl EntryRevisions {
    /// Creates the bucket, as its Job does, and watches the entry.
    async fn of(server: &NatsServer) -> Self {
        let settings = NatsSettings {
            url: server.url().into(),
            credentials: None,
            ca_file: None,
            domain: None,
            client_name: "test".to_owned(),
        };
        let connection = NatsConnection::start(&settings).await.expect("the settings are valid");
        connection.link().wait_for(|link| link.connected).await.expect("the client runs");
        let store = bucket::open(&connection, BUCKET, Some(NewBucket::default())).await;
        let store = store.expect("the bucket is created");
        let mut entries =
            store.watch_with_history(instance_key("trigger-api", POD)).await.expect("the bucket exists");
        let (sender, receiver) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(entry) = entries.next().await {
                let Ok(entry) = entry else { continue };
                let is_sent = sender.send(Instance::parse(&entry.value).ok());
                if is_sent.is_err() {
                    break;
                }
            }
            drop(store);
        });
        Self(receiver)
    }

    async fn next(&mut self) -> Option<Instance> {
        let revision = timeout(PATIENCE, self.0.recv()).await;
        revision.expect("a revision in time").expect("the watch continues")
    }

    async fn until(&mut self, status: InstanceStatus) -> Instance {
        loop {
            if let Some(instance) = self.next().await.filter(|instance| instance.status == status) {
                return instance;
            }
        }
    }
}

/// Starts the program with the executor of this machine.
fn start_local(folder: &TempDir, server: &NatsServer) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("cronjobs.yaml"), "").expect("the folder is writable");
    let config = format!("local: {{manifests: {}}}\n", path("cronjobs.yaml"));
    std::fs::write(path("config.yaml"), config).expect("the folder is writable");
    TriggerApi::spawn(&[
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &path("config.yaml")),
        ("CRONJOB_NAME", "job"),
        ("DATABASE_URL", &format!("sqlite:{}", path("history.sqlite"))),
        ("NATS_URL", &server.url()),
        ("HOSTNAME", POD),
    ])
}

#[tokio::test]
async fn a_ready_service_is_active_and_deregisters_when_it_stops() {
    let (folder, server) = (TempDir::new().unwrap(), NatsServer::start(NatsVersion::Pinned));
    let mut revisions = EntryRevisions::of(&server).await;
    let mut api = start_local(&folder, &server);
    let instance = revisions.until(InstanceStatus::Active).await;
    assert_eq!((&*instance.service_name, &*instance.instance_id), ("trigger-api", POD));
    assert_eq!(&*instance.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (instance.metadata.get("namespace"), instance.metadata.get("targets")),
        (Some("local".into()), Some(1.into()))
    );
    assert!(api.stop().success());
    revisions.until(InstanceStatus::Shutdown).await;
    while revisions.next().await.is_some() {}
}

#[tokio::test]
async fn a_service_that_waits_for_its_cluster_is_unhealthy() {
    let (folder, server) = (TempDir::new().unwrap(), NatsServer::start(NatsVersion::Pinned));
    let mut revisions = EntryRevisions::of(&server).await;
    let kubeconfig = folder.path().join("kubeconfig");
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: none\n\
        contexts: [{name: none, context: {cluster: none, user: none, namespace: trading}}]\n\
        clusters: [{name: none, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: none, user: {}}]\n";
    std::fs::write(&kubeconfig, text).unwrap();
    let database = format!("sqlite:{}", folder.path().join("history.sqlite").display());
    let api = TriggerApi::spawn(&[
        ("KUBECONFIG", kubeconfig.to_str().unwrap()),
        ("CRONJOB_NAME", "job"),
        ("DATABASE_URL", &database),
        ("NATS_URL", &server.url()),
        ("HOSTNAME", POD),
    ]);
    let instance = revisions.until(InstanceStatus::Unhealthy).await;
    assert_eq!(instance.metadata.get("namespace"), Some("trading".into()));
    assert_eq!(answer(api.get("/readyz")).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_outage_of_nats_does_not_affect_the_service() {
    let (folder, mut server) = (TempDir::new().unwrap(), NatsServer::stopped(NatsVersion::Pinned));
    let mut api = start_local(&folder, &server);
    assert_eq!(answer(api.get("/readyz")).await.0, StatusCode::OK);
    server.restart();
    let mut revisions = EntryRevisions::of(&server).await;
    revisions.until(InstanceStatus::Active).await;
    server.kill();
    api.wait_for_log("the connection to NATS is lost");
    assert_eq!(answer(api.get("/readyz")).await.0, StatusCode::OK);
    assert!(api.stop().success());
}

#[test]
fn a_wrong_setting_of_the_registry_is_an_error_at_startup_without_its_value() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_trigger-api"))
        .env_clear()
        .envs([("CRONJOB_NAME", "job"), ("NATS_URL", "http://alice:secret@nats")])
        .output()
        .expect("the program is built");
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{log}");
    assert!(log.contains("NATS_URL: is not a list of URLs"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
