//! `kill -9` at any moment loses no run and doubles none.

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

/// Which key got which run.
type Acknowledged = watch::Sender<BTreeMap<String, String>>;

/// Clicks with a new key each time, on all replicas at once, until one of them answers no more.
async fn click(urls: &[&str], next: &AtomicU32, acknowledged: &Acknowledged) {
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
            // The one refusal there may be, on a machine that is too busy: nothing was started.
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

/// Every Job has its run and every run its Job, and what was acknowledged is still so.
async fn check(namespace: &Namespace, api: &TriggerApi, keys: u32, acknowledged: Acknowledged) {
    let there = jobs::list(namespace).await;
    let there: BTreeSet<String> = there.into_iter().filter_map(|job| job.metadata.uid).collect();
    let acknowledged = acknowledged.borrow().clone();
    assert!(!acknowledged.is_empty() && there.len() >= acknowledged.len());
    for key in (0..keys).map(|number| format!("key-{number}")) {
        let (status, body) = answer(api.post("/trigger-sync").header("Idempotency-Key", &key)).await;
        assert!(status.is_success(), "{body}");
        let id = body["run_id"].as_str().expect("a text").to_owned();
        assert!(acknowledged.get(&key).is_none_or(|run| *run == id), "{key} has another run now: {body}");
        assert_eq!(api.run(&id).await["job_name"], body["job_name"]);
    }
    let (_, page) = answer(api.get("/v1/runs?limit=500")).await;
    let runs: Vec<String> = page["runs"]
        .as_array()
        .expect("it is there")
        .iter()
        .map(|run| run["run_id"].as_str().expect("a text").to_owned())
        .collect();
    let different: BTreeSet<String> = runs.iter().cloned().collect();
    assert_eq!(different.len(), runs.len(), "a run stands there twice");
    let now = jobs::list(namespace).await.into_iter().filter_map(|job| job.metadata.uid).collect();
    assert_eq!(different, now);
    // The keys whose answers were lost may have started nothing before: there is one Job a key, no more.
    assert!(there.is_subset(&now) && now.len() <= keys as usize, "{} Jobs of {keys} keys", now.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_again_and_again_loses_no_run_and_doubles_none() {
    let namespace = namespace("killed").await;
    namespace.apply(&cronjob("", ""));
    let (next, acknowledged) = (AtomicU32::new(0), Acknowledged::default());
    for round in 0..ROUNDS {
        let mut api = TriggerApi::start(&namespace, &[]).await;
        let url = api.url.clone();
        let urls = [url.as_str()];
        let clicks = join_all((0..CALLERS).map(|_| click(&urls, &next, &acknowledged)));
        // By turns when some Jobs more are there, whose callers may not know of them yet, and when one caller more has just
        // been answered.
        let (jobs, answers) = (jobs::list(&namespace).await.len(), acknowledged.borrow().len());
        let kill = async {
            if round % 2 == 0 {
                let enough = jobs + 1 + round / 2 % CALLERS;
                until("some Jobs more", async || jobs::list(&namespace).await.len() >= enough).await;
            } else {
                let _ = acknowledged.subscribe().wait_for(|known| known.len() > answers).await;
            }
            api.kill();
        };
        tokio::join!(clicks, kill);
    }
    let api = TriggerApi::start(&namespace, &[]).await;
    check(&namespace, &api, next.into_inner(), acknowledged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_of_two_replicas_is_killed_the_other_has_every_run() {
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
        let clicks = join_all((0..CALLERS).map(|_| click(&urls, &next, &acknowledged)));
        let enough = acknowledged.borrow().len() + 5 + round;
        let kill = async {
            // One caller has just been answered, the others are under way.
            let _ = acknowledged.subscribe().wait_for(|known| known.len() >= enough).await;
            goes.kill();
        };
        tokio::join!(clicks, kill);
    }
    check(&namespace, &stays, next.into_inner(), acknowledged).await;
}
