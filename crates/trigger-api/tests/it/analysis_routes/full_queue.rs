//! A full queue.

use futures_util::StreamExt;
use futures_util::stream;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;

use super::{TRIGGER, admin, block_views, source, start, trigger_analysis, wait_for_end_of, wait_for_status};

#[tokio::test]
async fn of_a_thousand_requests_the_queue_takes_its_limit_and_the_others_get_retry_after() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[("TASK_QUEUE", "40"), ("RATE_LIMIT", "100000")]);
    let blocking = block_views(&source).await;
    let first = trigger_analysis(&api).await;
    wait_for_status(&api, &first, |status| status["status"] == "running").await;
    let requests = (0..1_000).map(|_| admin(api.post(TRIGGER)).send());
    let answers: Vec<_> = stream::iter(requests).buffer_unordered(32).map(Result::unwrap).collect().await;
    let (mut queued, mut rejected) = (Vec::new(), 0);
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
                rejected += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((queued.len(), rejected), (40, 960));
    drop(blocking);
    for id in queued.iter().chain([&first]) {
        assert_eq!(wait_for_end_of(&api, id).await["status"], "completed");
    }
}
