//! A run that goes well, as the API shows it.

use jiff::Timestamp;
use serde_json::Value;

use super::job::{Template, WAIT, all_events, to_end, waited};
use crate::support::answer;

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap_or_else(|| panic!("{value} is no moment")).parse().expect("a moment of RFC 3339")
}

#[tokio::test]
async fn a_run_waits_runs_and_succeeds_and_its_events_say_so() {
    let node = Template::of(WAIT).on_a_node("well").await;
    let mut events = all_events(&node.api).await;
    let run = node.trigger().await;
    let running = node.api.wait_for_run(&run.id, |run| run["state"] == "running").await;
    assert_eq!((&running["finished_at"], &running["cause"]), (&Value::Null, &Value::Null), "{running}");
    node.go(&run);
    let seen = to_end(&mut events).await;
    let states: Vec<&str> = seen.iter().filter_map(|run| run["state"].as_str()).collect();
    assert_eq!(states, ["pending", "running", "succeeded"]);
    let ended = seen.last().unwrap();
    assert_eq!(ended["cause"], Value::Null);
    let moments = ["created_at", "started_at", "finished_at"].map(|key| moment(&ended[key]));
    assert!(moments.is_sorted(), "{moments:?}");
    assert_eq!(node.api.run(&run.id).await, *ended);
}

#[tokio::test]
async fn what_the_schedule_starts_is_a_run_like_any_other() {
    let mut template = Template::of("echo by the clock");
    template.cronjob["schedule"] = "* * * * *".into();
    template.cronjob["timeZone"] = "Etc/UTC".into();
    let node = template.on_a_node("schedule").await;
    let (_, target) = answer(node.api.get("/v1/targets/kraken-trading-job")).await;
    let next = moment(&target["status"]["next_run_at"]);
    // The CronJob's controller names a Job after the minute it was scheduled for.
    let minute = format!("-{}", next.as_second() / 60);
    let mut events = all_events(&node.api).await;
    let ended = tokio::time::timeout(std::time::Duration::from_secs(100), async {
        loop {
            let event = events.next().await.expect("the stream goes on");
            let job = event.data["job_name"].as_str().unwrap_or_default();
            if event.data["state"] == "succeeded" && job.ends_with(&minute) {
                return event.data;
            }
        }
    });
    let ended = ended.await.expect("the schedule starts a Job at that minute");
    assert_eq!((&ended["trigger"], &ended["requested_by"]), (&"scheduled".into(), &Value::Null), "{ended}");
    let path = format!("/v1/runs/{}/logs", ended["run_id"].as_str().unwrap());
    let log = waited(node.api.get(&path).send()).await.unwrap().text().await.unwrap();
    assert_eq!(log, "by the clock\n");
    let (_, page) = answer(node.api.get("/v1/runs?state=succeeded")).await;
    assert_eq!(page["runs"][0]["run_id"], ended["run_id"]);
}
