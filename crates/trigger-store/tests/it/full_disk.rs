//! A disk that is full, and a history that has reached its limit.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use trigger_core::log_text::LogTail;
use trigger_core::run::RunId;
use trigger_core::run_store::{Retention, RunFilter, RunStore};
use trigger_core::store_error::StoreError;
use trigger_store::SqlStore;

use super::support::{both, ended, open, pending, sqlite};

const UNLIMITED: Retention = Retention { runs: u32::MAX, events: u32::MAX, bytes: u64::MAX };

fn log(bytes: usize) -> LogTail {
    LogTail { text: Bytes::from(vec![b'x'; bytes]), cut: false, ..LogTail::default() }
}

async fn save(store: &SqlStore, number: i64, log_bytes: usize) -> Result<(), StoreError> {
    let run = ended(&format!("{number:04}"), "trades-sync", number);
    store.save(&run).await?;
    store.save_log(&run.id, &log(log_bytes)).await
}

async fn ids(store: &SqlStore) -> Vec<String> {
    let all = RunFilter { limit: u16::MAX, ..RunFilter::default() };
    let slice = store.runs(&all).await.expect("a full store can be read");
    slice.runs.iter().map(|run| run.id.as_str().to_owned()).collect()
}

fn reason(store: &SqlStore) -> Option<String> {
    store.unwritable().map(|reason| reason.to_string())
}

#[tokio::test]
async fn the_oldest_runs_of_a_history_that_is_too_large_are_deleted_with_their_logs_and_events() {
    for database in both().await {
        let store = database.open().await;
        store.save(&pending("in progress")).await.unwrap();
        for number in 0..100 {
            save(&store, number, 32 * 1024).await.unwrap();
        }
        let retention = Retention { bytes: 1 << 20, ..UNLIMITED };
        let deleted = store.prune(retention).await.unwrap();
        let left = ids(&store).await;
        assert_eq!(u64::try_from(left.len()).unwrap() + deleted, 101);
        let newest: Vec<String> =
            (0..100).rev().take(left.len() - 1).map(|number| format!("{number:04}")).collect();
        assert_eq!(left[..left.len() - 1], newest, "the oldest ones are deleted");
        assert_eq!(left.last().map(String::as_str), Some("in progress"));
        assert!((15..32).contains(&left.len()), "{} runs have almost 1 MiB", left.len());
        assert_eq!(store.log(&RunId::new("0099")).await.unwrap(), Some(log(32 * 1024)));
        assert_eq!(store.prune(retention).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_file_at_its_limit_is_reported_as_full_and_recovers_after_old_runs_are_deleted() {
    let database = sqlite();
    let store = database.open().await;
    let retention = Retention { bytes: 1 << 20, ..UNLIMITED };
    store.prune(retention).await.unwrap();
    let mut number = 0;
    let error = loop {
        if let Err(error) = save(&store, number, 64 * 1024).await {
            break error;
        }
        number += 1;
    };
    assert!(number > 5 && matches!(error, StoreError::NotWritable { .. }), "{number}: {error}");
    assert_eq!(reason(&store).as_deref(), Some("the disk is full"));
    // A small write may succeed, and does not mean that the store can be written.
    let _ = store.save(&pending("small")).await;
    assert_eq!(reason(&store).as_deref(), Some("the disk is full"));
    assert!(store.prune(retention).await.unwrap() > 0);
    save(&store, number, 64 * 1024).await.unwrap();
    assert_eq!(reason(&store), None);
}

/// Not a test but the program that the next tests start on a small disk of its own. It reads the folder of the disk.
#[tokio::test]
#[ignore = "another test starts it"]
async fn old_runs_on_a_small_disk() {
    let Some(folder) = folder_of_disk() else { return };
    let url = format!("sqlite:{folder}/runs.sqlite");
    let store = open(&url).await;
    for number in 0..200 {
        save(&store, number, 16 * 1024).await.unwrap();
    }
    store.close().await;
    let ballast = fill(&folder);

    let store = open(&url).await;
    assert_eq!(ids(&store).await.len(), 200, "a history on a full disk can be read");
    // Some pages of the write-ahead log may still fit.
    let mut number = 200;
    while save(&store, number, 64 * 1024).await.is_ok() {
        number += 1;
    }
    assert_eq!(reason(&store).as_deref(), Some("the disk is full"));
    let deleted = store.prune(Retention { runs: 10, ..UNLIMITED }).await.unwrap();
    assert!(deleted >= 190, "{deleted}");
    assert_eq!(ids(&store).await.len(), 10);
    // The deletion has returned space to the disk.
    save(&store, 1_000, 64 * 1024).await.unwrap();
    assert_eq!(reason(&store), None);
    drop(ballast);
}

/// Not a test; see above.
#[tokio::test]
#[ignore = "another test starts it"]
async fn no_history_on_a_small_disk() {
    let Some(folder) = folder_of_disk() else { return };
    let ballast = fill(&folder);
    let store = open(&format!("sqlite:{folder}/runs.sqlite")).await;
    store.save(&pending("a")).await.unwrap_err();
    store.check().await;
    assert_eq!(reason(&store).as_deref(), Some("the disk is full"));
    drop(ballast);
    std::fs::remove_file(format!("{folder}/ballast")).unwrap();
    store.check().await;
    store.save(&pending("a")).await.unwrap();
    assert_eq!(reason(&store), None);
}

/// Not a test; see above. As trigger-api does, it deletes old runs when the history can't be written.
#[tokio::test]
#[ignore = "another test starts it"]
async fn long_use_of_a_small_disk() {
    let Some(folder) = folder_of_disk() else { return };
    let url = format!("sqlite:{folder}/runs.sqlite");
    for start in 0..3 {
        let store = open(&url).await;
        for number in 0..300 {
            let number = start * 300 + number;
            if save(&store, number, 64 * 1024).await.is_err() {
                store.prune(UNLIMITED).await.unwrap();
                save(&store, number, 64 * 1024).await.unwrap();
            }
            if number % 10 == 0 {
                store.prune(UNLIMITED).await.unwrap();
            }
        }
        assert_eq!(reason(&store), None);
        // A killed process does not move the log's pages into the file.
        std::mem::forget(store);
    }
}

fn folder_of_disk() -> Option<String> {
    let mut folder = String::new();
    std::io::stdin().read_line(&mut folder).expect("it can be read");
    let folder = folder.trim().to_owned();
    (!folder.is_empty()).then_some(folder)
}

/// Writes a file until the disk is full.
fn fill(folder: &str) -> File {
    let mut ballast = File::create(Path::new(folder).join("ballast")).expect("the file can be created");
    while ballast.write_all(&[0; 4096]).is_ok() {}
    ballast
}

/// Runs one of the programs above on a disk of that size, which is mounted only for that process.
async fn on_a_small_disk(size: &str, program: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let script = r#"mount -t tmpfs -o size="$1" tmpfs "$0" && shift && exec "$@""#;
    let mut child = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(folder.path())
        .arg(size)
        .arg(std::env::current_exe().expect("the program of the tests"))
        .args(["--ignored", "--exact", "--nocapture", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("unshare is installed");
    let mut input = child.stdin.take().expect("stdin is piped");
    let line = format!("{}\n", folder.path().display());
    input.write_all(line.as_bytes()).await.expect("the program reads it");
    let output = child.wait_with_output().await.expect("the program ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
async fn old_runs_are_deleted_on_a_full_disk_after_a_restart_and_the_history_recovers() {
    on_a_small_disk("16m", "full_disk::old_runs_on_a_small_disk").await;
}

#[tokio::test]
async fn a_history_that_can_t_be_created_on_a_full_disk_is_created_when_there_is_space() {
    on_a_small_disk("16m", "full_disk::no_history_on_a_small_disk").await;
}

#[tokio::test]
async fn a_history_that_is_larger_than_its_disk_stays_writable_and_can_be_opened_again() {
    on_a_small_disk("16m", "full_disk::long_use_of_a_small_disk").await;
}

/// Not a test; see above.
#[tokio::test]
#[ignore = "another test starts it"]
async fn a_disk_that_is_too_small() {
    let Some(folder) = folder_of_disk() else { return };
    let url = format!("sqlite:{folder}/runs.sqlite");
    let Err(error) = SqlStore::connect(&url.into()).await else { panic!("the disk is accepted") };
    let error = error.to_string();
    assert!(error.starts_with("DATABASE_URL: ") && error.contains("at least 16 MiB"), "{error}");
}

#[tokio::test]
async fn a_disk_that_the_history_would_fill_with_its_log_is_rejected() {
    on_a_small_disk("8m", "full_disk::a_disk_that_is_too_small").await;
}
