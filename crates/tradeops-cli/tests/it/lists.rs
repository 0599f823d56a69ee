//! Lists and their forms.

use serde_json::json;

use crate::local_api::{LocalApi, READER};
use crate::program::tradeops;

#[test]
fn the_runs_of_an_unknown_target_are_an_error_that_names_the_targets() {
    let api = LocalApi::with(&[("sync", "true", json!({})), ("report", "true", json!({}))]);
    api.tradeops(&["runs"]).exits(0).prints(&["no runs"]);
    api.tradeops(&["runs", "sync"]).exits(0).prints(&["no runs"]);
    let unknown = api.tradeops(&["runs", "sync", "nosuch"]).exits(3);
    unknown.reports(&["there is no target nosuch", "the targets are: report, sync"]);
    for command in [&["targets", "nosuch"][..], &["trigger", "nosuch"], &["trigger", "nosuch", "A=1"]] {
        api.tradeops(command).exits(3).reports(&["nosuch", "target"]);
    }
    api.tradeops(&["run", "nosuch"])
        .exits(3)
        .reports(&["there is no run with the id or Job name nosuch", "tradeops runs"]);
}

#[test]
fn runs_are_selected_counted_and_printed_in_each_form() {
    let api = LocalApi::with(&[("good", "true", json!({})), ("bad", "exit 1", json!({}))]);
    for target in ["good", "bad", "good"] {
        api.tradeops(&["trigger", target, "--wait"]);
    }
    let all = api.tradeops(&["runs"]).exits(0);
    all.prints(&["RUN", "ExitCode", "3 shown; stored: 1 failed, 2 succeeded", "admin"]);
    let failed = api.tradeops(&["runs", "--state", "failed", "-o", "json"]).exits(0).json();
    assert_eq!((failed["runs"].as_array().unwrap().len(), &failed["runs"][0]["target"]), (1, &json!("bad")));
    let id = failed["runs"][0]["run_id"].as_str().unwrap();
    assert_eq!(api.tradeops(&["runs", "bad", "-o", "name"]).stdout.trim(), id);
    api.tradeops(&["runs", "bad", "-o", "yaml"]).prints(&["runs:", &format!("run_id: {id}")]);
    assert_eq!(api.tradeops(&["runs", "--limit", "1", "-o", "name"]).stdout.lines().count(), 1);
    api.tradeops(&["runs", "--since", "1h", "-s", "good-"]).prints(&["2 shown"]);
    api.tradeops(&["runs", "good", "--state", "failed"])
        .exits(0)
        .prints(&["no such runs; in other states: 2 succeeded"]);
    api.tradeops(&["targets"]).prints(&["TARGET", "0 0 29 2 *", "idle", "failed"]);
    let target = api.tradeops(&["targets", "bad"]).exits(0);
    target.prints(&["PARAMETER", "The day", "today", "to start it: tradeops trigger bad DAY=VALUE"]);
}

#[test]
fn whoami_shows_the_role_and_what_it_allows() {
    let api = LocalApi::start("true");
    api.tradeops(&["whoami"]).exits(0).prints(&["role admin", "yes   yes    yes"]);
    let reader = [("TRADEOPS_URL", api.url.as_str()), ("TRADEOPS_TOKEN", READER)];
    tradeops(&reader, &["whoami"]).exits(0).prints(&["role reader", "yes   no     no"]);
    let denied = tradeops(&reader, &["trigger", "sync"]).exits(4);
    denied.reports(&["(not-allowed)", "to see what you may do: tradeops whoami"]);
}

#[test]
fn status_ends_with_what_to_type_and_names_a_failed_run() {
    let api = LocalApi::start("echo broken; exit 4");
    api.tradeops(&["status"]).exits(0).prints(&[
        "its API answers: ok",
        "No problems.",
        "Next:",
        "tradeops trigger sync --wait",
    ]);
    api.tradeops(&["trigger", "sync", "--wait"]).exits(1);
    let status = api.tradeops(&["status"]).exits(1);
    status.prints(&[
        "target sync has failed in its last run, sync-",
        "exited with code 4",
        "to see why: tradeops logs sync-",
        "retry sync-",
    ]);
}

#[test]
fn an_output_that_nobody_reads_is_no_error() {
    let api = LocalApi::start("seq 100000");
    let job = api.tradeops(&["trigger", "sync", "--wait", "-o", "json"]).json()["job_name"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut reading = api.running(&["logs", &job]);
    assert_eq!(reading.line().len(), 5);
    let answer = reading.close_output();
    assert_eq!((answer.code, answer.stderr.contains("panicked")), (Some(0), false), "{answer:?}");
}
