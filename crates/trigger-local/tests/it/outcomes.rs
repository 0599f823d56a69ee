//! Final states, causes, retries and logs of runs.

use futures_util::StreamExt;
use serde_json::json;
use tempfile::TempDir;
use trigger_core::run::{State, Trigger};

use super::test_env::{NamedPipe, TestEnv, cause, container, cronjob, job, pod};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn attempts(folder: &TempDir) -> usize {
    std::fs::read_to_string(folder.path().join("attempts")).expect("at least one attempt").lines().count()
}

#[tokio::test]
async fn every_state_of_a_successful_run_is_published_and_its_log_is_stored() {
    let folder = folder();
    let env = TestEnv::new(&folder, &cronjob(&folder, "echo done; pwd; exit 0")).await;
    let run = env.run().await;
    assert_eq!((run.state, &run.cause, run.trigger), (State::Succeeded, &None, Trigger::Manual));
    assert_eq!(run.requested_by.as_deref(), Some("dashboard"));
    assert!(run.id.as_str().starts_with("local-") && run.job_name.starts_with("trades-sync-"), "{run:?}");
    assert!(run.created_at <= run.started_at.unwrap() && run.started_at <= run.finished_at);
    assert_eq!(env.log(&run.id).await, format!("done\n{}\n", folder.path().display()));
    assert_eq!(env.published_states(&run.id).await, ["pending", "running", "succeeded"]);
    // The log buffer is closed after the end is published.
    if let Some((_, pieces)) = env.logs.follow(&run.id) {
        assert_eq!(pieces.count().await, 0);
    }
    assert_eq!(env.logs.tail(&run.id), None);
}

#[tokio::test]
async fn a_failed_run_has_its_exit_code_or_its_signal() {
    let folder = folder();
    // In a manifest, $$ is an escaped $.
    for (script, reason, code) in [("exit 3", "ExitCode", 3), ("kill -9 $$$$", "Signal", 137)] {
        let env = TestEnv::new(&folder, &cronjob(&folder, script)).await;
        let run = env.run().await;
        assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, reason));
        assert_eq!(cause(&run).exit_code, Some(code));
    }
}

#[tokio::test]
async fn a_failed_attempt_is_retried_up_to_the_backoff_limit() {
    for policy in ["Never", "OnFailure"] {
        let folder = folder();
        let mut manifest = cronjob(&folder, "echo attempt >> attempts; printf failed; exit 3");
        job(&mut manifest)["backoffLimit"] = json!(2);
        pod(&mut manifest)["restartPolicy"] = json!(policy);
        let env = TestEnv::new(&folder, &manifest).await;
        let run = env.run().await;
        assert_eq!((run.state, attempts(&folder)), (State::Failed, 3), "{policy}");
        assert_eq!(cause(&run).exit_code, Some(3));
        assert!(cause(&run).message.contains("attempt 3, the last one"), "{run:?}");
        let attempt = format!("\n==> {}/main <==\nfailed\n", run.job_name);
        assert_eq!(env.log(&run.id).await, format!("failed\n{attempt}{attempt}"));
        let parts = env.store.log(&run.id).await.unwrap().unwrap().parts;
        let attempts = parts.iter().filter_map(|part| part.source.as_ref()?.attempt);
        assert_eq!(attempts.collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(run.containers, ["main"]);
        assert!(env.published_states(&run.id).await.contains(&"running Retrying".to_owned()));
    }
}

#[tokio::test]
async fn a_run_whose_last_attempt_succeeds_has_no_cause() {
    let folder = folder();
    let mut manifest = cronjob(&folder, "echo attempt >> attempts; test $(wc -l < attempts) = 3");
    job(&mut manifest)["backoffLimit"] = json!(2);
    let run = TestEnv::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, run.cause, attempts(&folder)), (State::Succeeded, None, 3));
}

#[tokio::test]
async fn a_pod_failure_policy_prevents_retries_or_does_not_count_them() {
    let folder = folder();
    // The first two attempts do not count, the third one does, and the fourth one fails the Job.
    let script =
        "echo attempt >> attempts; case $(wc -l < attempts) in 1|2) exit 9;; 3) exit 1;; *) exit 4;; esac";
    let mut manifest = cronjob(&folder, script);
    job(&mut manifest)["backoffLimit"] = json!(1);
    job(&mut manifest)["podFailurePolicy"] = json!({ "rules": [
        { "action": "FailJob", "onExitCodes": { "containerName": "main", "operator": "In", "values": [2, 4, 5] } },
        { "action": "Ignore", "onExitCodes": { "operator": "NotIn", "values": [1] } },
    ] });
    let run = TestEnv::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, attempts(&folder)), (State::Failed, 4));
    assert_eq!(cause(&run).exit_code, Some(4));
    assert!(cause(&run).message.contains("podFailurePolicy"), "{run:?}");
}

#[tokio::test]
async fn a_program_that_can_t_be_started_fails_the_run_without_a_retry() {
    let folder = folder();
    let mut unknown_image = cronjob(&folder, "");
    container(&mut unknown_image)["command"] = json!([]);
    let mut unknown_program = cronjob(&folder, "");
    container(&mut unknown_program)["command"] = json!(["/no/such/program"]);
    let mut unknown_folder = cronjob(&folder, "");
    container(&mut unknown_folder)["workingDir"] = json!("/no/such/folder");
    let mut not_executable = cronjob(&folder, "");
    container(&mut not_executable)["command"] = json!(["/etc/passwd"]);
    for (mut manifest, reason, named) in [
        (unknown_image, "ProgramNotFound", "\"registry.local/shell:1\""),
        (unknown_program, "ProgramNotFound", "/no/such/program"),
        (unknown_folder, "StartError", "/no/such/folder"),
        (not_executable, "StartError", "/etc/passwd"),
    ] {
        job(&mut manifest)["backoffLimit"] = json!(6);
        let env = TestEnv::new(&folder, &manifest).await;
        let run = env.run().await;
        assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, reason));
        assert!(cause(&run).message.contains(named), "{run:?}");
        assert_eq!(env.published_states(&run.id).await, ["pending".to_owned(), format!("failed {reason}")]);
    }
}

#[tokio::test]
async fn the_deadline_of_the_job_terminates_its_program_gracefully() {
    let folder = folder();
    let mut manifest = cronjob(&folder, "trap 'echo bye; exit 0' TERM; tail -f /dev/null & wait");
    job(&mut manifest)["activeDeadlineSeconds"] = json!(1);
    job(&mut manifest)["backoffLimit"] = json!(6);
    let env = TestEnv::new(&folder, &manifest).await;
    let run = env.run().await;
    assert_eq!((run.state, cause(&run).reason.as_str()), (State::Failed, "DeadlineExceeded"));
    assert_eq!(env.log(&run.id).await, "bye\n");
}

#[tokio::test]
async fn an_attempt_that_exceeds_the_deadline_of_the_pod_is_retried() {
    let folder = folder();
    let script = "echo attempt >> attempts; test $(wc -l < attempts) = 2 || exec tail -f /dev/null";
    let mut manifest = cronjob(&folder, script);
    pod(&mut manifest)["activeDeadlineSeconds"] = json!(1);
    job(&mut manifest)["backoffLimit"] = json!(1);
    let run = TestEnv::new(&folder, &manifest).await.run().await;
    assert_eq!((run.state, attempts(&folder)), (State::Succeeded, 2));
}

#[tokio::test]
async fn lines_arrive_while_the_run_is_active_and_in_order_across_both_streams() {
    let folder = folder();
    let gate = NamedPipe::new(&folder, "gate");
    let script = "echo one; echo two >&2; cat gate; echo three; printf 'no line end' >&2";
    let env = TestEnv::new(&folder, &cronjob(&folder, script)).await;
    let run = env.launch().await;
    env.wait_for_output(&run.id, "one\ntwo\n").await;
    gate.open().await;
    env.wait_for_end(&run).await;
    assert_eq!(env.log(&run.id).await, "one\ntwo\nthree\nno line end\n");
}

#[tokio::test]
async fn a_long_log_keeps_its_last_64_kibibytes() {
    let folder = folder();
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done; head -c 100000 /dev/zero";
    let env = TestEnv::new(&folder, &cronjob(&folder, script)).await;
    let run = env.run().await;
    let log = env.log(&run.id).await;
    assert_eq!(log.len(), 64 * 1024);
    assert!(log.ends_with("\0\n"));
}
