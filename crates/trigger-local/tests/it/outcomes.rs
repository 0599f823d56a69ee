//! How runs end, and what they say of it.

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tempfile::TempDir;
use trigger_core::run::{State, Trigger};

use super::machine::{Machine, Pipe, cause, container, cronjob, job, pod};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn attempts(folder: &TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("attempts")).expect("something was tried").lines().count()
}

#[tokio::test]
async fn a_run_that_ends_well_is_told_from_its_beginning_and_its_log_is_kept() {
    let folder = folder();
    let machine = Machine::new(&folder, &cronjob(&folder, "echo done; pwd; exit 0")).await;
    let run = machine.run().await;
    assert_eq!((run.state, &run.cause, run.trigger), (State::Succeeded, &None, Trigger::Manual));
    assert_eq!(run.requested_by.as_deref(), Some("dashboard"));
    assert!(run.id.as_str().starts_with("local-") && run.job_name.starts_with("trades-sync-"), "{run:?}");
    assert!(run.created_at <= run.started_at.unwrap() && run.started_at <= run.finished_at);
    assert_eq!(machine.log(&run.id).await, format!("done\n{}\n", folder.path().display()));
    assert_eq!(machine.told(&run.id).await, ["pending", "running", "succeeded"]);
    // The book is closed after the end is told.
    if let Some((_, pieces)) = machine.book.follow(&run.id) {
        assert_eq!(pieces.collect::<Vec<_>>().await, Vec::<Bytes>::new());
    }
    assert_eq!(machine.book.tail(&run.id), None);
}

#[tokio::test]
async fn a_failure_says_its_exit_code_or_its_signal() {
    let folder = folder();
    // Kubernetes reads $$ as an escaped $.
    for (script, reason, code) in [("exit 3", "ExitCode", 3), ("kill -9 $$$$", "Signal", 137)] {
        let machine = Machine::new(&folder, &cronjob(&folder, script)).await;
        let run = machine.run().await;
        assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, reason));
        assert_eq!(cause(&run).exit_code, Some(code));
    }
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_as_often_as_backoff_limit_says() {
    for policy in ["Never", "OnFailure"] {
        let folder = folder();
        let mut manifest = cronjob(&folder, "echo attempt >> attempts; printf failed; exit 3");
        job(&mut manifest)["backoffLimit"] = json!(2);
        pod(&mut manifest)["restartPolicy"] = json!(policy);
        let machine = Machine::new(&folder, &manifest).await;
        let run = machine.run().await;
        assert_eq!((run.state, attempts(&folder)), (State::Failed, 3), "{policy}");
        assert_eq!(cause(&run).exit_code, Some(3));
        assert!(cause(&run).message.contains("attempt 3, the last one"), "{run:?}");
        assert_eq!(machine.log(&run.id).await, "failed\nfailed\nfailed\n");
        assert!(machine.told(&run.id).await.contains(&"running Retrying".to_owned()));
    }
}

#[tokio::test]
async fn an_attempt_that_ends_well_in_the_end_leaves_no_cause() {
    let folder = folder();
    let mut manifest = cronjob(&folder, "echo attempt >> attempts; test $(wc -l < attempts) = 3");
    job(&mut manifest)["backoffLimit"] = json!(2);
    let run = Machine::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, run.cause, attempts(&folder)), (State::Succeeded, None, 3));
}

#[tokio::test]
async fn a_pod_failure_policy_ends_the_retries_or_does_not_count_them() {
    let folder = folder();
    // The first two attempts are not counted, the third is, and the fourth ends the Job.
    let script =
        "echo attempt >> attempts; case $(wc -l < attempts) in 1|2) exit 9;; 3) exit 1;; *) exit 4;; esac";
    let mut manifest = cronjob(&folder, script);
    job(&mut manifest)["backoffLimit"] = json!(1);
    job(&mut manifest)["podFailurePolicy"] = json!({ "rules": [
        { "action": "FailJob", "onExitCodes": { "containerName": "main", "operator": "In", "values": [2, 4, 5] } },
        { "action": "Ignore", "onExitCodes": { "operator": "NotIn", "values": [1] } },
    ] });
    let run = Machine::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, attempts(&folder)), (State::Failed, 4));
    assert_eq!(cause(&run).exit_code, Some(4));
    assert!(cause(&run).message.contains("podFailurePolicy"), "{run:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_fails_the_run_at_once_and_says_so() {
    let folder = folder();
    let mut unknown_image = cronjob(&folder, "");
    container(&mut unknown_image)["command"] = json!([]);
    let mut unknown_program = cronjob(&folder, "");
    container(&mut unknown_program)["command"] = json!(["/no/such/program"]);
    let mut unknown_folder = cronjob(&folder, "");
    container(&mut unknown_folder)["workingDir"] = json!("/no/such/folder");
    let mut not_executable = cronjob(&folder, "");
    container(&mut not_executable)["command"] = json!(["/etc/passwd"]);
    for (mut manifest, reason, told) in [
        (unknown_image, "ProgramNotFound", "\"registry.local/shell:1\""),
        (unknown_program, "ProgramNotFound", "/no/such/program"),
        (unknown_folder, "StartError", "/no/such/folder"),
        (not_executable, "StartError", "/etc/passwd"),
    ] {
        job(&mut manifest)["backoffLimit"] = json!(6);
        let machine = Machine::new(&folder, &manifest).await;
        let run = machine.run().await;
        assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, reason));
        assert!(cause(&run).message.contains(told), "{run:?}");
        assert_eq!(machine.told(&run.id).await, ["pending".to_owned(), format!("failed {reason}")]);
    }
}

#[tokio::test]
async fn the_deadline_of_the_job_ends_it_and_lets_it_say_goodbye() {
    let folder = folder();
    let mut manifest = cronjob(&folder, "trap 'echo bye; exit 0' TERM; tail -f /dev/null & wait");
    job(&mut manifest)["activeDeadlineSeconds"] = json!(1);
    job(&mut manifest)["backoffLimit"] = json!(6);
    let machine = Machine::new(&folder, &manifest).await;
    let run = machine.run().await;
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, "DeadlineExceeded"));
    assert_eq!(machine.log(&run.id).await, "bye\n");
}

#[tokio::test]
async fn the_deadline_of_the_pod_ends_an_attempt_and_the_next_one_is_made() {
    let folder = folder();
    let script = "echo attempt >> attempts; test $(wc -l < attempts) = 2 || exec tail -f /dev/null";
    let mut manifest = cronjob(&folder, script);
    pod(&mut manifest)["activeDeadlineSeconds"] = json!(1);
    job(&mut manifest)["backoffLimit"] = json!(1);
    let run = Machine::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, attempts(&folder)), (State::Succeeded, 2));
}

#[tokio::test]
async fn lines_arrive_while_the_run_goes_on_and_both_streams_keep_their_order() {
    let folder = folder();
    let gate = Pipe::new(&folder, "gate");
    let script = "echo one; echo two >&2; cat gate; echo three; printf 'no line end' >&2";
    let machine = Machine::new(&folder, &cronjob(&folder, script)).await;
    let run = machine.launch().await;
    machine.printed(&run.id, "one\ntwo\n").await;
    gate.open().await;
    machine.ended(&run).await;
    assert_eq!(machine.log(&run.id).await, "one\ntwo\nthree\nno line end\n");
}

#[tokio::test]
async fn of_a_long_log_the_end_is_kept() {
    let folder = folder();
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done; head -c 100000 /dev/zero";
    let machine = Machine::new(&folder, &cronjob(&folder, script)).await;
    let run = machine.run().await;
    let log = machine.log(&run.id).await;
    assert_eq!(log.len(), 64 * 1024);
    assert!(log.ends_with("\0\n"));
}
