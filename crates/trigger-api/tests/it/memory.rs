//! The memory of the program stays within the chart's limit, whatever the namespace contains and however slowly clients read.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::cluster::Namespace;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use trigger_core::run::{Cause, Run, RunId, State, Trigger};
use trigger_core::run_store::RunStore;
use trigger_store::SqlStore;

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, namespace, objects};

/// By how much the memory of the program may grow. The chart's limit is 64 MiB, and a program in use has less than 20 MiB;
/// the rest is for the kernel's part of the connections. Growth is compared, because the debug build of the tests is larger.
const MAX_GROWTH_KIB: u64 = 24 * 1024;
/// The number of Jobs of the target. `just bench-api` measures 10,000.
const OWN_JOBS: u64 = 2_000;
/// By how much they may increase the memory: 2 MiB for the list in progress, and 28 MiB for 10,000 Jobs.
const MAX_OWN_JOBS_KIB: u64 = 2 * 1024 + OWN_JOBS * 28 * 1024 / 10_000;
/// The number of runs in the history; each has two events.
const RUNS: usize = 1500;

/// The highest resident memory of the program so far.
fn peak_kib(api: &TriggerApi) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", api.process_id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a VmHWM line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

fn assert_bounded(api: &TriggerApi, idle_kib: u64) {
    let growth = peak_kib(api).saturating_sub(idle_kib);
    assert!(growth < MAX_GROWTH_KIB, "the memory grew by {growth} KiB from {idle_kib} KiB");
}

/// Creates 24 Jobs of 1 MB each that belong to no target and never run.
async fn create_foreign_jobs(namespace: &Namespace) {
    let path = objects::path(namespace, "jobs");
    let create = (0..24).map(|number| {
        let value = "x".repeat(1_000_000);
        let container = json!({ "name": "main", "image": "busybox", "env": [{ "name": "LARGE", "value": value }] });
        let template = json!({ "spec": { "restartPolicy": "Never", "containers": [container] } });
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": format!("foreign-{number}") },
            "spec": { "suspend": true, "template": template },
        });
        let path = &path;
        async move { objects::call(&namespace.client, "POST", path, Some(&job)).await.expect("it is created") }
    });
    join_all(create).await;
}

#[tokio::test]
async fn the_jobs_of_others_are_never_in_memory_at_once() {
    let namespace = namespace("foreign").await;
    namespace.apply(&cronjob("concurrencyPolicy: Forbid", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    let idle = peak_kib(&api);
    create_foreign_jobs(&namespace).await;
    assert_bounded(&api, idle);
    api.stop();
    let api = TriggerApi::start(&namespace, &[]).await;
    assert_bounded(&api, idle);
    let preview = || answer(api.get(&format!("/v1/targets/{CRONJOB}/preview")));
    for (status, body) in join_all([preview(), preview(), preview()]).await {
        assert_eq!((status.as_u16(), &body["allowed"]), (200, &json!(true)), "{body}");
    }
    api.trigger().await;
    let (_, body) = preview().await;
    assert_eq!(
        body["allowed"],
        json!(false),
        "the conflicting run was found among the Jobs of others: {body}"
    );
    assert_bounded(&api, idle);
}

/// Creates Jobs of the target as the program does, which are suspended, and so remain active.
async fn create_own_jobs(namespace: &Namespace) {
    let owner = objects::get(namespace, &format!("cronjobs/{CRONJOB}")).await;
    let (path, uid) = (objects::path(namespace, "jobs"), &owner["metadata"]["uid"]);
    let create = |number: u64| {
        let annotations = json!({
            "cronjob.kubernetes.io/instantiate": "manual", "tradeops.dev/requested-by": "internal",
            "tradeops.dev/reason": "the data of the day is late", "tradeops.dev/request-id": format!("{number:032}"),
            "tradeops.dev/idempotency-fingerprint": format!("{number:064}"),
        });
        let owner = json!({ "apiVersion": "batch/v1", "kind": "CronJob", "name": CRONJOB, "uid": uid, "controller": true });
        let container = json!({ "name": "main", "image": "busybox", "args": ["true"] });
        let template = json!({ "spec": { "restartPolicy": "Never", "containers": [container] } });
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": { "name": format!("{CRONJOB}-{number}"), "annotations": annotations, "ownerReferences": [owner] },
            "spec": { "suspend": true, "template": template },
        });
        let path = &path;
        async move { objects::call(&namespace.client, "POST", path, Some(&job)).await.expect("it is created") }
    };
    stream::iter(0..OWN_JOBS).map(create).buffer_unordered(16).for_each(async |_| ()).await;
}

#[tokio::test]
async fn thousands_of_jobs_of_a_target_fit_into_the_memory() {
    let namespace = namespace("own-jobs").await;
    namespace.apply(&cronjob("concurrencyPolicy: Allow", ""));
    let mut api = TriggerApi::start(&namespace, &[]).await;
    api.trigger().await;
    let idle = peak_kib(&api);
    api.stop();
    create_own_jobs(&namespace).await;
    // The first program writes the history, and the second one compares with it.
    for _ in 0..2 {
        let mut api = TriggerApi::start(&namespace, &[]).await;
        api.trigger().await;
        let growth = peak_kib(&api).saturating_sub(idle);
        assert!(growth < MAX_OWN_JOBS_KIB, "{OWN_JOBS} Jobs need {growth} KiB, more than {MAX_OWN_JOBS_KIB}");
        api.stop();
    }
}

/// Fills the history with runs that have ended, with reasons of the maximum length, and starts the program.
async fn with_history(namespace: &Namespace) -> TriggerApi {
    let url = format!("sqlite:{}", namespace.folder().join("history.sqlite").display());
    let store = SqlStore::connect(&url.into()).await.expect("the store can be opened");
    let began = Timestamp::now() - SignedDuration::from_hours(24);
    for number in 0..RUNS {
        let created_at = began + SignedDuration::from_secs(i64::try_from(number).expect("a small number"));
        let run = Run {
            requested_by: Some("internal".to_owned()),
            reason: Some("\u{1f4c8}".repeat(500)),
            ..Run::pending(
                RunId::new(format!("old-{number:05}")),
                CRONJOB.parse().expect("a name"),
                namespace.name.clone(),
                format!("{CRONJOB}-{number}"),
                Trigger::Manual,
                created_at,
            )
        };
        store.save(&run).await.expect("it is stored");
        let cause = Cause::new("Error", "x".repeat(500));
        store.save(&run.ended(State::Failed, cause, created_at)).await.expect("it is stored");
    }
    store.close().await;
    namespace.apply(&cronjob("", ""));
    TriggerApi::start(namespace, &[("RATE_LIMIT", "10000"), ("MAX_REQUESTS", "2000")]).await
}

/// Sends a request, reads the first bytes of the response, and no more.
async fn unread(api: &TriggerApi, path: &str, headers: &str) -> TcpStream {
    let address = api.url.strip_prefix("http://").expect("an HTTP URL");
    let socket = TcpSocket::new_v4().expect("a socket");
    // A small window, so that the program's buffers are full soon.
    socket.set_recv_buffer_size(8 * 1024).expect("a size");
    let mut stream = socket.connect(address.parse().expect("an address")).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: api\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("an open connection");
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.expect("a response");
    assert_eq!(&start, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn event_streams_that_nobody_reads_hold_no_events() {
    let namespace = namespace("unread-events").await;
    let api = with_history(&namespace).await;
    let idle = peak_kib(&api);
    let open = (0..300).map(|_| unread(&api, "/v1/events", "Last-Event-ID: 1\r\n"));
    let streams = join_all(open).await;
    // Another client gets all events of the history meanwhile.
    let request = api.get("/v1/events").header("Last-Event-ID", "0").timeout(Duration::from_mins(1));
    let mut events = crate::support::Events::of(request.send().await.expect("a response"));
    for number in 1..=2 * RUNS {
        let event = events.next().await.expect("an event");
        assert_eq!((event.name.as_str(), event.id), ("state", Some(number.to_string())));
    }
    let started = api.trigger().await;
    assert_eq!(events.next().await.expect("an event").data["run_id"], started["run_id"]);
    assert_bounded(&api, idle);
    drop(streams);
}

#[tokio::test]
async fn a_page_of_runs_is_limited_in_bytes_and_continued_by_its_cursor() {
    let namespace = namespace("long-pages").await;
    let api = with_history(&namespace).await;
    let idle = peak_kib(&api);
    let unread = (0..40).map(|_| unread(&api, "/v1/runs?limit=500", ""));
    let unread = join_all(unread).await;
    let (mut path, mut seen) = ("/v1/runs?limit=500".to_owned(), Vec::new());
    loop {
        let text = api.get(&path).send().await.expect("a response").text().await.expect("a whole body");
        assert!(text.len() < 260 * 1024, "{}", text.len());
        let page: Value = serde_json::from_str(&text).expect("JSON");
        let runs = page["runs"].as_array().expect("a list");
        seen.extend(runs.iter().map(|run| run["run_id"].as_str().expect("a string").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(text.len() > 250 * 1024, "a page in the middle is full: {}", text.len());
        path = format!("/v1/runs?limit=500&cursor={next}");
    }
    let expected: Vec<String> = (0..RUNS).rev().map(|number| format!("old-{number:05}")).collect();
    assert_eq!(seen, expected);
    let (_, small) = answer(api.get("/v1/runs?limit=7")).await;
    assert_eq!((small["runs"].as_array().map(Vec::len), small["next"].is_string()), (Some(7), true));
    assert_bounded(&api, idle);
    drop(unread);
}
