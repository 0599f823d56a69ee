//! Starting, following, cancelling and repeating runs.

use serde_json::json;

use crate::local_api::{LocalApi, PAUSE};

#[test]
fn a_run_is_started_followed_and_found_by_the_name_of_its_job() {
    let api = LocalApi::start("echo the day is $DAY");
    let started = api
        .tradeops(&["trigger", "sync", "DAY=2026-02-10", "--reason", "by hand", "-o", "json"])
        .exits(0)
        .json();
    let (id, job) = (started["run_id"].as_str().unwrap(), started["job_name"].as_str().unwrap());
    for name in [id, job] {
        api.tradeops(&["logs", name, "-f"])
            .exits(0)
            .prints(&["the day is 2026-02-10\n"])
            .reports(&["succeeded"]);
    }
    api.tradeops(&["logs", job]).exits(0).prints(&["the day is 2026-02-10\n"]);
    let shown = api.tradeops(&["run", job]).exits(0);
    shown.prints(&[
        id,
        "by hand",
        "DAY=2026-02-10",
        "admin",
        &format!("to start it again: tradeops retry {job}"),
    ]);
    let again = api.tradeops(&["retry", job, "--wait", "-o", "json"]).exits(0).json();
    assert_eq!((&again["state"], &again["retry_of"]), (&json!("succeeded"), &json!(id)));
    assert_eq!(again["parameters"], json!({ "DAY": "2026-02-10" }));
}

#[test]
fn the_default_target_is_started_without_a_name() {
    let api = LocalApi::start("true");
    let run = api.tradeops(&["trigger", "DAY=x", "--wait", "-o", "json"]).exits(0).json();
    assert_eq!(
        (&run["target"], &run["state"], &run["parameters"]["DAY"]),
        (&json!("sync"), &json!("succeeded"), &json!("x"))
    );
    let id = api.tradeops(&["trigger", "-o", "name"]).exits(0).stdout;
    api.tradeops(&["run", id.trim()]).exits(0);
}

#[test]
fn the_exit_code_is_the_outcome_of_the_run() {
    let api = LocalApi::start("echo why; exit 3");
    api.tradeops(&["trigger", "sync", "--wait"]).exits(1).reports(&[
        "failed",
        "exited with code 3",
        "to start it again: tradeops retry sync-",
    ]);
    let job =
        api.tradeops(&["runs", "-o", "json"]).json()["runs"][0]["job_name"].as_str().unwrap().to_owned();
    api.tradeops(&["logs", "-f", &job]).exits(1).prints(&["why"]);
    // Without following the run, its log could be printed, which is what was requested.
    api.tradeops(&["logs", &job]).exits(0).prints(&["why"]);
}

#[test]
fn a_run_that_blocks_its_target_is_named_with_how_to_end_it() {
    let api = LocalApi::with(&[("sync", PAUSE, json!({ "concurrencyPolicy": "Forbid" }))]);
    let first = api.tradeops(&["trigger", "sync", "-o", "json"]).exits(0).json();
    let job = first["job_name"].as_str().unwrap();
    let second = api.tradeops(&["trigger", "sync", "--wait"]).exits(3);
    let end = format!("to end it: tradeops cancel {job} --wait");
    second.reports(&["(conflicting-run)", &format!("{job} is running"), &end]);
    api.tradeops(&["cancel", job, "--wait"]).exits(0).prints(&["has ended: cancelled"]);
    api.tradeops(&["cancel", job]).exits(0).prints(&["had ended before: cancelled"]);
    api.tradeops(&["logs", job, "-f"]).exits(6).reports(&["cancelled"]);
}

#[test]
fn a_wait_has_a_limit_after_which_the_run_continues() {
    let api = LocalApi::start(PAUSE);
    let answer = api.tradeops(&["trigger", "sync", "--wait", "--timeout", "1s"]).exits(7);
    answer.reports(&["has not ended within 1s; it continues", "to cancel it: tradeops cancel sync-"]);
    api.resume();
    let job =
        api.tradeops(&["runs", "-o", "json"]).json()["runs"][0]["job_name"].as_str().unwrap().to_owned();
    api.tradeops(&["logs", &job, "--follow"]).exits(0);
}

#[test]
fn ctrl_c_ends_the_command_and_not_the_run() {
    let api = LocalApi::start(&format!("echo started; {PAUSE}"));
    let job =
        api.tradeops(&["trigger", "sync", "-o", "json"]).json()["job_name"].as_str().unwrap().to_owned();
    let mut following = api.running(&["logs", "-f", &job]);
    assert_eq!(following.line(), "started");
    following.interrupt();
    following.end().exits(130);
    api.resume();
    api.tradeops(&["logs", "-f", &job]).exits(0);
}
