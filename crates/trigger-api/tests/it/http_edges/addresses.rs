//! The addresses on which the program listens.

use std::process::Command;

use reqwest::Url;
use tempfile::TempDir;

use crate::support::{TriggerApi, answer};

fn start(folder: &TempDir, address: &str) -> TriggerApi {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (manifest, config) = (path("none.yaml"), path("config.yaml"));
    std::fs::write(&manifest, "").expect("the file can be written");
    std::fs::write(&config, format!("local: {{manifests: {manifest}}}\n")).expect("the file can be written");
    let database = format!("sqlite:{}", path("history.sqlite"));
    TriggerApi::spawn(&[
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", &config),
        ("CRONJOB_NAME", "none"),
        ("DATABASE_URL", &database),
        ("LISTEN_ADDR", address),
    ])
}

#[tokio::test]
async fn the_unspecified_address_serves_both_ip_families_and_the_health_check() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, "[::]:0");
    let port = Url::parse(&api.url).unwrap().port().unwrap();
    for host in ["[::1]", "127.0.0.1"] {
        let (status, body) = answer(api.client.get(format!("http://{host}:{port}/readyz"))).await;
        assert_eq!(status, 200, "{host}: {body}");
    }
    for listen in ["[::]", "0.0.0.0", "[::1]"] {
        let check = Command::new(env!("CARGO_BIN_EXE_trigger-api"))
            .arg("healthcheck")
            .env_clear()
            .env("LISTEN_ADDR", format!("{listen}:{port}"))
            .output();
        let check = check.expect("the program is built");
        assert!(check.status.success(), "{listen}: {}", String::from_utf8_lossy(&check.stderr));
    }
}

#[tokio::test]
async fn an_address_of_one_family_serves_only_that_family() {
    for (address, other) in [("[::1]:0", "127.0.0.1"), ("127.0.0.1:0", "[::1]")] {
        let folder = TempDir::new().unwrap();
        let api = start(&folder, address);
        let url = Url::parse(&api.url).unwrap();
        assert_eq!(answer(api.get("/healthz")).await.0, 200, "{address}");
        let other = format!("http://{other}:{}/healthz", url.port().unwrap());
        assert!(api.client.get(other).send().await.is_err(), "{address}");
    }
}
