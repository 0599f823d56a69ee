use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::kubernetes::objects::{self, JobObject};

/// The numbers of lists and watches that the API server received.
#[derive(Default)]
struct Received {
    lists: AtomicU32,
    watches: AtomicU32,
}

fn denied() -> (u16, Value) {
    let message = "jobs.batch is forbidden: User \"a\" cannot list resource \"jobs\"";
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                         "code": 403, "reason": "Forbidden", "message": message });
    (403, status)
}

/// Follows Jobs for that time, on an API server that denies watches, and lists too unless `lists` is true. Returns what was
/// reported: `listed`, `watching`, and the verbs that failed.
async fn follow(lists: bool, time: Duration) -> (Arc<Received>, Vec<&'static str>) {
    let received = Arc::new(Received::default());
    let counted = Arc::clone(&received);
    let service = tower::service_fn(move |request: Request<Body>| {
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let kind = if is_watch { &counted.watches } else { &counted.lists };
        kind.fetch_add(1, Ordering::Relaxed);
        let list = json!({ "kind": "JobList", "apiVersion": "batch/v1", "items": [],
                           "metadata": { "resourceVersion": "7" } });
        let (code, body) = if lists && !is_watch { (200, list) } else { denied() };
        let response = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
        async move { Ok::<_, Infallible>(response.unwrap()) }
    });
    let api = objects::jobs(&Client::new(service, "trading"), "trading");
    let (selection, max_denied_delay) = (ListParams::default(), Duration::from_mins(1));
    let watched = Watched { api, selection, recorder: None, max_denied_delay };
    let reports = Mutex::new(Vec::new());
    let report = |report: Report<JobObject>| {
        reports.lock().unwrap().push(match report {
            Report::Changed(Event::InitDone) => "listed",
            Report::Watching => "watching",
            Report::Failed(verb, _) => verb,
            Report::Changed(_) => return,
        });
    };
    let ended = tokio::time::timeout(time, watched.follow(report)).await;
    assert!(ended.is_err(), "it never returns");
    (received, reports.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_denied_list_is_repeated_with_increasing_pauses_up_to_the_longest_one() {
    let (minute, reports) = follow(false, Duration::from_mins(1)).await;
    let lists = minute.lists.load(Ordering::Relaxed);
    assert!((5..=10).contains(&lists), "{lists}");
    assert!(reports.iter().all(|report| *report == "list"), "{reports:?}");
    let (hour, _) = follow(false, Duration::from_hours(1)).await;
    let lists = hour.lists.load(Ordering::Relaxed);
    assert!((60..=140).contains(&lists), "{lists}");
    assert_eq!(hour.watches.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn while_only_the_watch_is_denied_each_attempt_lists_the_objects() {
    let (hour, reports) = follow(true, Duration::from_hours(1)).await;
    let (lists, watches) = (hour.lists.load(Ordering::Relaxed), hour.watches.load(Ordering::Relaxed));
    assert!((60..=140).contains(&lists) && watches.abs_diff(lists) <= 1, "{lists} lists, {watches} watches");
    assert!(reports.chunks_exact(2).all(|pair| pair == ["listed", "watch"]), "{reports:?}");
}
