//! Rotation of a secret while the program runs.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;

use crate::support::{PATIENCE, TriggerApi, cronjob, namespace, problem};

#[tokio::test]
async fn a_secret_in_a_mounted_file_is_rotated_without_a_restart() {
    let namespace = namespace("rotation").await;
    namespace.apply(&cronjob("", ""));
    let mount = namespace.folder().join("mount");
    std::fs::create_dir(&mount).unwrap();
    write_as_kubelet(&mount, "..first", "the-old-token\n");
    symlink("..data/token", mount.join("token")).unwrap();
    let file = mount.join("token");
    let api = TriggerApi::start(&namespace, &[("INTERNAL_TOKEN_FILE", file.to_str().unwrap())]).await;
    assert_eq!(status(&api, "the-old-token").await, StatusCode::OK);
    problem(api.get("/v1/targets").header("x-internal-token", "the-new-token"), 401, "wrong-credential")
        .await;

    write_as_kubelet(&mount, "..second", "the-new-token\nthe-old-token\n");
    until_accepted(&api, "the-new-token").await;
    assert_eq!(status(&api, "the-old-token").await, StatusCode::OK, "both secrets are valid");

    write_as_kubelet(&mount, "..third", "the-new-token\nthe-newest-token\n");
    until_accepted(&api, "the-newest-token").await;
    assert_eq!(status(&api, "the-new-token").await, StatusCode::OK);
    problem(api.get("/v1/targets").header("x-internal-token", "the-old-token"), 401, "wrong-credential")
        .await;
}

/// Replaces the files as a kubelet does for a mounted Secret: they are links through `..data`, which is renamed atomically.
fn write_as_kubelet(mount: &Path, version: &str, text: &str) {
    std::fs::create_dir(mount.join(version)).expect("the folder is writable");
    std::fs::write(mount.join(version).join("token"), text).expect("the folder is writable");
    symlink(version, mount.join("..data_tmp")).expect("the folder is writable");
    std::fs::rename(mount.join("..data_tmp"), mount.join("..data")).expect("the folder is writable");
}

async fn until_accepted(api: &TriggerApi, token: &str) {
    let accepted = async {
        // The program reads the file at most once a second, and nothing reports that it did.
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while status(api, token).await != StatusCode::OK {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, accepted).await.expect("the new secret is accepted");
}

async fn status(api: &TriggerApi, token: &str) -> StatusCode {
    api.get("/v1/targets").header("x-internal-token", token).send().await.expect("a response").status()
}
