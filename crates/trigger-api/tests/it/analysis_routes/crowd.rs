//! More requests than may wait.

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use super::{TRIGGER, admin, ask, held_up, source, start, until, until_ended};

#[tokio::test]
async fn of_a_thousand_triggers_as_many_wait_as_may_and_the_others_are_told_to_come_back() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[("TASK_QUEUE", "40"), ("RATE_LIMIT", "100000")]);
    let holding = held_up(&source).await;
    let first = ask(&api).await;
    until(&api, &first, |status| status["status"] == "running").await;
    let requests = (0..1_000).map(|_| admin(api.post(TRIGGER)).send());
    let answers: Vec<_> = stream::iter(requests).buffer_unordered(32).map(Result::unwrap).collect().await;
    let (mut queued, mut refused) = (Vec::new(), 0);
    for answer in answers {
        match answer.status() {
            StatusCode::ACCEPTED => {
                let body: Value = answer.json().await.unwrap();
                queued.push(body["run_id"].as_str().unwrap().to_owned());
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                assert!(wait >= 1);
                let body: Value = answer.json().await.unwrap();
                assert_eq!(body["type"], "https://tradeops.dev/problems/queue-full");
                refused += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((queued.len(), refused), (40, 960));
    drop(holding);
    for id in queued.iter().chain([&first]) {
        assert_eq!(until_ended(&api, id).await["status"], "completed");
    }
}
