//! Runs that succeed.

use jiff::Timestamp;
use serde_json::Value;

use super::test_env::{JobTemplate, WAIT, all_events, in_time, to_end};
use crate::support::answer;

fn timestamp(value: &Value) -> Timestamp {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a timestamp"))
        .parse()
        .expect("a timestamp of RFC 3339")
}

#[tokio::test]
async fn a_run_is_pending_running_and_succeeded_and_has_an_event_for_each() {
    let node = JobTemplate::of(WAIT).on_a_node("well").await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let running = node.api.wait_for_run(&run.id, |run| run["state"] == "running").await;
    assert_eq!((&running["finished_at"], &running["cause"]), (&Value::Null, &Value::Null), "{running}");
    node.resume(&run);
    let seen = to_end(&mut events).await;
    let states: Vec<&str> = seen.iter().filter_map(|run| run["state"].as_str()).collect();
    assert_eq!(states, ["pending", "running", "succeeded"]);
    let ended = seen.last().unwrap();
    assert_eq!(ended["cause"], Value::Null);
    let times = ["created_at", "started_at", "finished_at"].map(|key| timestamp(&ended[key]));
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(node.api.run(&run.id).await, *ended);
}

#[tokio::test]
async fn a_scheduled_job_is_a_run_like_any_other() {
    let mut template = JobTemplate::of("echo by the clock");
    template.cronjob["schedule"] = "* * * * *".into();
    template.cronjob["timeZone"] = "Etc/UTC".into();
    let node = template.on_a_node("schedule").await;
    let (_, target) = answer(node.api.get("/v1/targets/kraken-trading-job")).await;
    let next = timestamp(&target["status"]["next_run_at"]);
    // The CronJob controller names a Job after the minute for which it was scheduled.
    let minute = format!("-{}", next.as_second() / 60);
    let mut events = all_events(&node.api).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(100), async {
        loop {
            let event = events.next().await.expect("the stream continues");
            let job = event.data["job_name"].as_str().unwrap_or_default();
            if event.data["state"] == "succeeded" && job.ends_with(&minute) {
                return event.data;
            }
        }
    });
    let ended = ended.await.expect("the schedule starts a Job at that minute");
    assert_eq!((&ended["trigger"], &ended["requested_by"]), (&"scheduled".into(), &Value::Null), "{ended}");
    let path = format!("/v1/runs/{}/logs", ended["run_id"].as_str().unwrap());
    let log = in_time(node.api.get(&path).send()).await.unwrap().text().await.unwrap();
    assert_eq!(log, "by the clock\n");
    let (_, page) = answer(node.api.get("/v1/runs?state=succeeded")).await;
    assert_eq!(page["runs"][0]["run_id"], ended["run_id"]);
}
