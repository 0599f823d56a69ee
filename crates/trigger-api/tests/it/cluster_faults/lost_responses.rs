//! A Job is created once, even if the response is lost.

use super::TestEnv;
use crate::support::api_server::{Fault, JOBS};
use crate::support::{answer, jobs};

async fn found_again(purpose: &str, policy: &str, fault: Fault) {
    let env = TestEnv::new(purpose, &format!("concurrencyPolicy: {policy}")).await;
    env.proxy.fail_times(1, "POST", JOBS, fault);
    let started = env.api.trigger().await;
    assert_eq!(
        started["message"],
        format!("Job {} started", started["job_name"].as_str().expect("a string"))
    );
    assert_eq!(env.proxy.count("POST", JOBS), 1, "a POST is never sent twice");
    assert_eq!(jobs::names(&env.namespace).await, [started["job_name"].as_str().expect("a string")]);
}

#[tokio::test]
async fn a_job_whose_response_was_lost_is_found_by_the_id_of_its_request() {
    found_again("lost", "Forbid", Fault::LostResponse).await;
}

#[tokio::test]
async fn a_job_whose_response_was_lost_is_found_under_allow_too() {
    found_again("lost-allow", "Allow", Fault::LostResponse).await;
}

#[tokio::test]
async fn a_job_whose_response_broke_off_is_found() {
    found_again("broken-off", "Replace", Fault::CutBody).await;
}

#[tokio::test]
async fn a_job_whose_response_does_not_end_is_found() {
    found_again("endless", "Forbid", Fault::HungBody).await;
}

/// The Job can't be read either, so the caller gets a timeout. A repeated request finds the Job.
#[tokio::test]
async fn a_repeated_request_with_a_key_finds_the_job_of_the_first_one_whose_outcome_was_unknown() {
    let env = TestEnv::new("unknown", "concurrencyPolicy: Forbid").await;
    env.proxy.fail("GET", JOBS, Fault::NoResponse);
    env.proxy.fail("POST", JOBS, Fault::LostResponse);
    let request = || answer(env.api.post("/trigger-sync").header("Idempotency-Key", "k"));
    let (status, body) = request().await;
    assert_eq!(status.as_u16(), 504, "{body}");
    env.proxy.clear_faults();
    let (status, body) = request().await;
    assert_eq!(status.as_u16(), 200, "{body}");
    assert_eq!(jobs::names(&env.namespace).await, [body["job_name"].as_str().unwrap()]);
}
