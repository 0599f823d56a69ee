//! No change is lost, however a watch ends.

use super::{TestEnv, start};
use crate::support::api_server::{ApiServerProxy, Fault, WATCH};
use crate::support::{cronjob, jobs, namespace};

const GONE: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"etcd at 10.0.0.7 says too old","reason":"Expired","code":410}}"#;

/// Breaks the connections, injects the fault into several watches, and asserts that the end of a run is observed.
async fn the_end_of_a_run_is_observed(purpose: &str, fault: Fault) {
    let mut env = TestEnv::new(purpose, "").await;
    let started = env.api.trigger().await;
    let watched = env.proxy.count("GET", WATCH);
    env.proxy.fail_times(6, "GET", WATCH, fault);
    env.proxy.stop_listening().await;
    env.proxy.resume_listening();
    env.proxy.wait_for(watched + 6, "GET", WATCH).await;
    jobs::finish(&env.namespace, started["job_name"].as_str().expect("a string")).await;
    let run = env.api.wait_for_end(started["run_id"].as_str().expect("a string")).await;
    assert_eq!(run["state"], "succeeded");
}

#[tokio::test]
async fn a_watch_with_an_expired_resource_version_lists_again() {
    let gone = Fault::Response(200, "application/json", format!("{GONE}\n"));
    the_end_of_a_run_is_observed("expired", gone).await;
}

#[tokio::test]
async fn a_watch_that_is_rejected_as_expired_lists_again() {
    the_end_of_a_run_is_observed("refused-410", Fault::Status(410, "Expired", None)).await;
}

#[tokio::test]
async fn a_watch_that_breaks_off_is_resumed() {
    the_end_of_a_run_is_observed("cut", Fault::Response(200, "application/json", GONE[..40].to_owned()))
        .await;
}

#[tokio::test]
async fn a_watch_with_an_invalid_response_is_retried() {
    the_end_of_a_run_is_observed(
        "watch-garbage",
        Fault::Response(200, "text/html", "<html></html>\n".to_owned()),
    )
    .await;
}

#[tokio::test]
async fn a_watch_that_hangs_is_replaced() {
    the_end_of_a_run_is_observed_after_a_hang("hangs", Fault::HungBody).await;
}

#[tokio::test]
async fn a_watch_without_a_response_is_replaced() {
    the_end_of_a_run_is_observed_after_a_hang("unanswered", Fault::NoResponse).await;
}

async fn the_end_of_a_run_is_observed_after_a_hang(purpose: &str, fault: Fault) {
    let mut env = TestEnv::new(purpose, "").await;
    let started = env.api.trigger().await;
    let watched = env.proxy.count("GET", WATCH);
    // One watch of each kind: the CronJob, Jobs and pods.
    env.proxy.fail_times(3, "GET", WATCH, fault);
    env.proxy.stop_listening().await;
    env.proxy.resume_listening();
    env.proxy.wait_for(watched + 3, "GET", WATCH).await;
    jobs::finish(&env.namespace, started["job_name"].as_str().expect("a string")).await;
    let run = env.api.wait_for_end(started["run_id"].as_str().expect("a string")).await;
    assert_eq!(run["state"], "succeeded");
}

#[tokio::test]
async fn an_initial_list_without_a_response_is_retried() {
    let namespace = namespace("no-list").await;
    namespace.apply(&cronjob("", ""));
    let proxy = ApiServerProxy::start().await;
    proxy.fail_times(1, "GET", "/jobs?", Fault::NoResponse);
    proxy.fail_times(1, "GET", "/pods?", Fault::HungBody);
    start(&namespace, &proxy).await.trigger().await;
}

/// Many Jobs are listed in pages, and the continue token of the next page can expire.
#[tokio::test]
async fn an_expired_continue_token_starts_the_list_again() {
    let namespace = namespace("pages").await;
    namespace.apply(&cronjob("", ""));
    let proxy = ApiServerProxy::start().await;
    let page = r#"{"kind":"JobList","apiVersion":"batch/v1","metadata":{"resourceVersion":"1","continue":"abc"},"items":[]}"#;
    proxy.fail_times(1, "GET", "/jobs?", Fault::Response(200, "application/json", page.to_owned()));
    proxy.fail_times(1, "GET", "continue=abc", Fault::Status(410, "Expired", None));
    start(&namespace, &proxy).await.trigger().await;
    assert_eq!(proxy.count("GET", "continue=abc"), 1);
}
