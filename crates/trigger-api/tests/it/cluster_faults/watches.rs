//! Watches end in many ways; none of them loses a change.

use super::{Stage, start};
use crate::support::api_server::{ApiServer, Fault, WATCH};
use crate::support::{cronjob, jobs, namespace};

const GONE: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"etcd at 10.0.0.7 says too old","reason":"Expired","code":410}}"#;

/// The connections break, watches meet the fault a few times, and meanwhile a run ends: that is heard of.
async fn an_end_is_heard_of(purpose: &str, fault: Fault) {
    let mut stage = Stage::set(purpose, "").await;
    let started = stage.api.trigger().await;
    let watched = stage.server.count("GET", WATCH);
    stage.server.fail_times(6, "GET", WATCH, fault);
    stage.server.go_away().await;
    stage.server.come_back();
    stage.server.wait_for(watched + 6, "GET", WATCH).await;
    jobs::finish(&stage.namespace, started["job_name"].as_str().expect("a text")).await;
    let run = stage.api.wait_for_end(started["run_id"].as_str().expect("a text")).await;
    assert_eq!(run["state"], "succeeded");
}

#[tokio::test]
async fn a_watch_whose_place_the_server_has_forgotten_begins_anew() {
    let gone = Fault::Answer(200, "application/json", format!("{GONE}\n"));
    an_end_is_heard_of("expired", gone).await;
}

#[tokio::test]
async fn a_watch_that_is_refused_because_its_place_is_forgotten_begins_anew() {
    an_end_is_heard_of("refused-410", Fault::Status(410, "Expired", None)).await;
}

#[tokio::test]
async fn a_watch_that_is_cut_in_the_middle_is_taken_up_again() {
    an_end_is_heard_of("cut", Fault::Answer(200, "application/json", GONE[..40].to_owned())).await;
}

#[tokio::test]
async fn a_watch_that_is_answered_with_garbage_is_tried_again() {
    an_end_is_heard_of("watch-garbage", Fault::Answer(200, "text/html", "<html></html>\n".to_owned())).await;
}

#[tokio::test]
async fn a_watch_that_hangs_is_given_up_for_another_one() {
    an_end_is_heard_of_after_a_hang("hangs", Fault::Hang).await;
}

#[tokio::test]
async fn a_watch_that_is_never_answered_is_given_up_for_another_one() {
    an_end_is_heard_of_after_a_hang("unanswered", Fault::Silence).await;
}

async fn an_end_is_heard_of_after_a_hang(purpose: &str, fault: Fault) {
    let mut stage = Stage::set(purpose, "").await;
    let started = stage.api.trigger().await;
    let watched = stage.server.count("GET", WATCH);
    // One each: of the CronJob, of Jobs and of pods.
    stage.server.fail_times(3, "GET", WATCH, fault);
    stage.server.go_away().await;
    stage.server.come_back();
    stage.server.wait_for(watched + 3, "GET", WATCH).await;
    jobs::finish(&stage.namespace, started["job_name"].as_str().expect("a text")).await;
    let run = stage.api.wait_for_end(started["run_id"].as_str().expect("a text")).await;
    assert_eq!(run["state"], "succeeded");
}

#[tokio::test]
async fn a_list_that_is_never_answered_when_the_program_starts_is_asked_for_again() {
    let namespace = namespace("no-list").await;
    namespace.apply(&cronjob("", ""));
    let server = ApiServer::proxy().await;
    server.fail_times(1, "GET", "/jobs?", Fault::Silence);
    server.fail_times(1, "GET", "/pods?", Fault::Hang);
    start(&namespace, &server).await.trigger().await;
}

/// A namespace with many Jobs is listed in pages; the place of the next page can be forgotten too.
#[tokio::test]
async fn a_page_of_a_list_whose_place_the_server_has_forgotten_begins_the_list_anew() {
    let namespace = namespace("pages").await;
    namespace.apply(&cronjob("", ""));
    let server = ApiServer::proxy().await;
    let page = r#"{"kind":"JobList","apiVersion":"batch/v1","metadata":{"resourceVersion":"1","continue":"abc"},"items":[]}"#;
    server.fail_times(1, "GET", "/jobs?", Fault::Answer(200, "application/json", page.to_owned()));
    server.fail_times(1, "GET", "continue=abc", Fault::Status(410, "Expired", None));
    start(&namespace, &server).await.trigger().await;
    assert_eq!(server.count("GET", "continue=abc"), 1);
}
