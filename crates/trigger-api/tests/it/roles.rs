//! Roles: every route allows and denies by the same rule, with every kind of credential. No test needs a cluster.

mod on_behalf_of;
mod table;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{TriggerApi, answer, problem};

const READ_TOKEN: &str = "the-read-token-of-the-console";
const INTERNAL_TOKEN: &str = "the-internal-token-of-dashboards";
const ADMIN_SECRET: &str = "the-admin-secret-of-the-desk";
const CRONJOB: &str = "insights";
const TASK: &str = "portfolio-analysis";

const MANIFEST: &str = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: insights}
spec:
  schedule: '0 0 29 2 *'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: busybox, command: [echo, done]}]
";

/// Starts the program with the CronJob `insights` and the analysis, whose database can't be reached, so that its runs wait.
fn start(folder: &TempDir, variables: &[(&str, &str)]) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("cronjobs.yaml"), path("config.json"));
    std::fs::write(&manifest, MANIFEST).expect("the file can be written");
    let settings = json!({
        "local": { "manifests": manifest, "programs": { "busybox": ["/usr/bin/env"] } },
        "targets": [{ "cronjob": CRONJOB }],
        "aliases": { "/go": CRONJOB, "/analyse": TASK },
    });
    std::fs::write(&config, settings.to_string()).expect("the file can be written");
    let database = format!("sqlite:{}", path("history.sqlite"));
    let defaults = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &config),
        ("DATABASE_URL", &database),
        ("SOURCE_DATABASE_URL", "postgres://reader@127.0.0.1:1/trades"),
    ];
    TriggerApi::spawn(&[&defaults, variables].concat())
}

#[tokio::test]
async fn a_read_token_alone_closes_access_and_permits_no_start() {
    let folder = TempDir::new().unwrap();
    let mut api = start(&folder, &[("READ_TOKEN", READ_TOKEN), ("LOG_LEVEL", "trace")]);
    problem(api.get("/v1/targets"), 401, "missing-credential").await;
    problem(api.post("/trigger-sync"), 401, "missing-credential").await;
    problem(api.get("/v1/targets").header("x-read-token", "wrong"), 401, "wrong-credential").await;
    let reader = |request: reqwest::RequestBuilder| request.header("x-read-token", READ_TOKEN);
    assert_eq!(answer(reader(api.get("/v1/targets"))).await.0, 200);
    let denied = problem(reader(api.post("/trigger-sync")), 403, "not-allowed").await;
    assert!(denied["detail"].as_str().unwrap().contains("X-Internal-Token"), "{denied}");
    let metrics = api.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("trigger_api_credentials_refused_total{reason=\"not_operator\"} 1\n"),
        "{metrics}"
    );
    let log = api.last_words().join("\n");
    assert!(!log.contains(READ_TOKEN));
}

#[tokio::test]
async fn a_configuration_in_which_no_caller_can_start_a_run_is_reported_at_startup() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("none.yaml"), "").unwrap();
    std::fs::write(path("config.json"), json!({ "local": { "manifests": path("none.yaml") } }).to_string())
        .unwrap();
    // The port is in use, so the program ends after it has started.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_trigger-api"))
        .env_clear()
        .envs([("EXECUTOR", "local"), ("CRONJOB_NAME", "none"), ("READ_TOKEN", READ_TOKEN)])
        .env("CONFIG_FILE", path("config.json"))
        .env("DATABASE_URL", format!("sqlite:{}", path("history.sqlite")))
        .env("LISTEN_ADDR", port.local_addr().unwrap().to_string())
        .output()
        .expect("the program is built");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains("READ_TOKEN is the only credential, so no caller can start or cancel runs"),
        "{log}"
    );
}

#[tokio::test]
async fn a_preview_has_the_rejection_that_the_callers_start_would_have() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &[("READ_TOKEN", READ_TOKEN), ("INTERNAL_TOKEN", INTERNAL_TOKEN)]);
    let preview = async |target: &str, header: &'static str, value: &str| -> Value {
        answer(api.get(&format!("/v1/targets/{target}/preview")).header(header, value)).await.1
    };
    let of_reader = preview(CRONJOB, "x-read-token", READ_TOKEN).await;
    assert_eq!(
        (&of_reader["allowed"], &of_reader["problem"]["status"]),
        (&json!(false), &json!(403)),
        "{of_reader}"
    );
    let of_operator = preview(CRONJOB, "x-internal-token", INTERNAL_TOKEN).await;
    assert_eq!(of_operator["allowed"], true, "{of_operator}");
    assert_eq!(of_operator["job"]["kind"], "Job");
    assert_eq!(preview(TASK, "x-internal-token", INTERNAL_TOKEN).await["problem"]["status"], 403);
}
