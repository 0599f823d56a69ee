//! SIGKILL at any moment neither loses nor duplicates a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;
use reqwest::Client;
use serde_json::Value;
use testkit::cluster::Namespace;
use testkit::postgres::Server;
use tokio::sync::watch;

use crate::support::{TriggerApi, answer, cronjob, jobs, namespace, until};

const ROUNDS: usize = 15;
const CALLERS: usize = 3;

/// The run that was acknowledged for each key.
type Acknowledged = watch::Sender<BTreeMap<String, String>>;

/// Starts runs, each with a new key and on all replicas at once, until a replica does not respond.
async fn start_until_killed(urls: &[&str], next: &AtomicU32, acknowledged: &Acknowledged) {
    let client = Client::new();
    let mut all_answer = true;
    while all_answer {
        let key = format!("key-{}", next.fetch_add(1, Ordering::Relaxed));
        let answers = urls.iter().map(async |url| {
            let request = client.post(format!("{url}/trigger-sync")).header("Idempotency-Key", &key);
            let response = request.send().await.ok()?;
            Some((response.status(), response.json::<Value>().await.ok()?))
        });
        for answer in join_all(answers).await {
            let Some((status, body)) = answer else {
                all_answer = false;
                continue;
            };
            // On an overloaded machine a request may be rejected with this problem. It started nothing.
            if body["type"].as_str().is_some_and(|problem| problem.ends_with("/store-unavailable")) {
                continue;
            }
            assert!(status.is_success(), "{body}");
            let id = body["run_id"].as_str().expect("an answer names its run").to_owned();
            acknowledged.send_modify(|known| {
                let run = known.entry(key.clone()).or_insert_with(|| id.clone());
                assert_eq!(*run, id, "{key} has two runs");
            });
        }
    }
}

/// Asserts that Jobs and runs correspond one to one, and that every acknowledged key still has its run.
async fn check(namespace: &Namespace, api: &TriggerApi, keys: u32, acknowledged: Acknowledged) {
    let before = jobs::list(namespace).await;
    let before: BTreeSet<String> = before.into_iter().filter_map(|job| job.metadata.uid).collect();
    let acknowledged = acknowledged.borrow().clone();
    assert!(!acknowledged.is_empty() && before.len() >= acknowledged.len());
    for key in (0..keys).map(|number| format!("key-{number}")) {
        let (status, body) = answer(api.post("/trigger-sync").header("Idempotency-Key", &key)).await;
        assert!(status.is_success(), "{body}");
        let id = body["run_id"].as_str().expect("a string").to_owned();
        assert!(acknowledged.get(&key).is_none_or(|run| *run == id), "{key} has another run now: {body}");
        assert_eq!(api.run(&id).await["job_name"], body["job_name"]);
    }
    let (_, page) = answer(api.get("/v1/runs?limit=500")).await;
    let runs: Vec<String> = page["runs"]
        .as_array()
        .expect("a value")
        .iter()
        .map(|run| run["run_id"].as_str().expect("a string").to_owned())
        .collect();
    let different: BTreeSet<String> = runs.iter().cloned().collect();
    assert_eq!(different.len(), runs.len(), "a run is listed twice");
    let now = jobs::list(namespace).await.into_iter().filter_map(|job| job.metadata.uid).collect();
    assert_eq!(different, now);
    // A key without an acknowledgement may have started no Job before this check. No key has more than one Job.
    assert!(before.is_subset(&now) && now.len() <= keys as usize, "{} Jobs of {keys} keys", now.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_repeatedly_neither_loses_nor_duplicates_a_run() {
    let namespace = namespace("killed").await;
    namespace.apply(&cronjob("", ""));
    let (next, acknowledged) = (AtomicU32::new(0), Acknowledged::default());
    for round in 0..ROUNDS {
        let mut api = TriggerApi::start(&namespace, &[]).await;
        let url = api.url.clone();
        let urls = [url.as_str()];
        let starts = join_all((0..CALLERS).map(|_| start_until_killed(&urls, &next, &acknowledged)));
        // Alternately: when further Jobs exist, which may not be acknowledged yet, and when a further run was just
        // acknowledged.
        let (jobs, answers) = (jobs::list(&namespace).await.len(), acknowledged.borrow().len());
        let kill = async {
            if round % 2 == 0 {
                let enough = jobs + 1 + round / 2 % CALLERS;
                until("further Jobs exist", async || jobs::list(&namespace).await.len() >= enough).await;
            } else {
                let _ = acknowledged.subscribe().wait_for(|known| known.len() > answers).await;
            }
            api.kill();
        };
        tokio::join!(starts, kill);
    }
    let api = TriggerApi::start(&namespace, &[]).await;
    check(&namespace, &api, next.into_inner(), acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_replicas_is_killed_the_other_one_has_every_run() {
    let namespace = namespace("one-killed").await;
    namespace.apply(&cronjob("", ""));
    let database = Server::shared().database().await.url;
    let variables = [("DATABASE_URL", database.as_str())];
    let stays = TriggerApi::start(&namespace, &variables).await;
    let (next, acknowledged) = (AtomicU32::new(0), Acknowledged::default());
    for round in 0..4 {
        let mut goes = TriggerApi::start(&namespace, &variables).await;
        let url = goes.url.clone();
        let urls = [url.as_str(), stays.url.as_str()];
        let starts = join_all((0..CALLERS).map(|_| start_until_killed(&urls, &next, &acknowledged)));
        let enough = acknowledged.borrow().len() + 5 + round;
        let kill = async {
            // One run was just acknowledged, the other requests are in progress.
            let _ = acknowledged.subscribe().wait_for(|known| known.len() >= enough).await;
            goes.kill();
        };
        tokio::join!(starts, kill);
    }
    check(&namespace, &stays, next.into_inner(), acknowledged).await;
}
