//! Runs with several pods: retries and parallel pods.

use serde_json::json;

use super::test_env::{JobTemplate, WAIT};

#[tokio::test]
async fn a_retried_job_has_the_cause_retrying_and_its_last_failure_has_the_number_of_attempts() {
    let mut template = JobTemplate::of("echo attempt; exit 3");
    template.job["backoffLimit"] = 1.into();
    let node = template.on_a_node("again").await;
    let run = node.trigger().await;
    let again = node.wait_for_cause(&run, "Retrying").await;
    assert_eq!(again["state"], "running");
    let cause = json!({
        "reason": "Retrying",
        "message": "The container main exited with code 3. The Job retries; 1 pod has failed so far.",
        "exit_code": 3,
    });
    assert_eq!(again["cause"], cause);
    let ended = node.api.wait_for_end(&run.id).await;
    let cause = json!({
        "reason": "ExitCode",
        "message": "The container main exited with code 3. That was attempt 2, the last one.",
        "exit_code": 3,
    });
    assert_eq!((&ended["state"], &ended["cause"]), (&json!("failed"), &cause));
    let pods = node.pods(&run);
    let [_, second] = pods.as_slice() else { panic!("{pods:?}") };
    let (_, whole) = node.log(&run).await;
    assert_eq!(whole, format!("attempt\n\n==> {second}/main <==\nattempt\n"));
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (_, kept) = node.kept_log(&run).await;
    assert_eq!(kept, format!("attempt\n\n==> {second}/main <==\nattempt\n"));
}

#[tokio::test]
async fn a_deleted_pod_is_replaced_and_its_log_is_kept() {
    let script = format!("echo I am $HOSTNAME; {WAIT}");
    let mut template = JobTemplate::of(&script);
    template.job["backoffLimit"] = 1.into();
    let node = template.on_a_node("pod-deleted").await;
    let run = node.trigger().await;
    let mut log = super::test_env::FollowedLog::of(&node.api, &run).await;
    log.until("waiting\n").await;
    let first = node.pods(&run).remove(0);
    node.namespace.kubectl(&["delete", "pod", &first, "--wait=false"]);
    let both = log.until("main <==\n").await;
    assert!(both.starts_with(&format!("I am {first}\nwaiting\n")), "{both}");
    let second = node.pods(&run).pop().unwrap();
    log.until(&format!("I am {second}\nwaiting\n")).await;
    assert_eq!(node.api.run(&run.id).await["state"], "running");
    node.resume(&run);
    assert_eq!(node.api.wait_for_end(&run.id).await["state"], "succeeded");
    log.rest().await;
    node.delete_job(&run);
    let (_, kept) = node.kept_log(&run).await;
    assert_eq!(kept, format!("I am {first}\nwaiting\n\n==> {second}/main <==\nI am {second}\nwaiting\n"));
}

#[tokio::test]
async fn the_log_of_parallel_pods_has_a_header_for_each_pod() {
    let mut template = JobTemplate::of("echo I am $HOSTNAME");
    template.job["parallelism"] = 3.into();
    template.job["completions"] = 3.into();
    let node = template.on_a_node("three").await;
    let (run, ended) = node.run().await;
    assert_eq!(ended["state"], "succeeded");
    let pods = node.pods(&run);
    assert_eq!(pods.len(), 3);
    let (_, whole) = node.log(&run).await;
    assert!(whole.starts_with(&format!("I am {}\n", pods[0])), "{whole}");
    for pod in &pods[1..] {
        assert!(whole.contains(&format!("==> {pod}/main <==\nI am {pod}\n")), "{whole}");
    }
    node.followed_log(&run).await;
    node.delete_job(&run);
    let (_, kept) = node.kept_log(&run).await;
    for pod in &pods {
        assert!(kept.contains(&format!("I am {pod}\n")), "{kept}");
    }
}
