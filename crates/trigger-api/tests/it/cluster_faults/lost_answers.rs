//! A Job is created once, whatever becomes of the answer.

use super::Stage;
use crate::support::api_server::{Fault, JOBS};
use crate::support::{answer, jobs};

async fn found_again(purpose: &str, policy: &str, fault: Fault) {
    let stage = Stage::set(purpose, &format!("concurrencyPolicy: {policy}")).await;
    stage.server.fail_times(1, "POST", JOBS, fault);
    let started = stage.api.trigger().await;
    assert_eq!(started["message"], format!("Job {} started", started["job_name"].as_str().expect("a text")));
    assert_eq!(stage.server.count("POST", JOBS), 1, "a POST is never sent twice");
    assert_eq!(jobs::names(&stage.namespace).await, [started["job_name"].as_str().expect("a text")]);
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_found_by_its_requests_id() {
    found_again("lost", "Forbid", Fault::LoseAnswer).await;
}

#[tokio::test]
async fn a_job_whose_answer_was_lost_is_found_where_jobs_may_overlap_too() {
    found_again("lost-allow", "Allow", Fault::LoseAnswer).await;
}

#[tokio::test]
async fn a_job_whose_answer_broke_off_is_found() {
    found_again("broken-off", "Replace", Fault::CutBody).await;
}

#[tokio::test]
async fn a_job_whose_answer_does_not_end_is_found() {
    found_again("endless", "Forbid", Fault::Hang).await;
}

/// Nothing can be asked either: the caller is told that it may have been done, and the repeat finds it.
#[tokio::test]
async fn a_repeat_of_a_request_with_a_key_finds_the_job_of_which_nothing_could_be_learnt() {
    let stage = Stage::set("unknown", "concurrencyPolicy: Forbid").await;
    stage.server.fail("GET", JOBS, Fault::Silence);
    stage.server.fail("POST", JOBS, Fault::LoseAnswer);
    let request = || answer(stage.api.post("/trigger-sync").header("Idempotency-Key", "k"));
    let (status, body) = request().await;
    assert_eq!(status.as_u16(), 504, "{body}");
    stage.server.heal();
    let (status, body) = request().await;
    assert_eq!(status.as_u16(), 200, "{body}");
    assert_eq!(jobs::names(&stage.namespace).await, [body["job_name"].as_str().unwrap()]);
}
