//! A template that was edited immediately before a start.

use futures_util::future::join_all;
use serde_json::json;

use super::started;
use crate::support::{CRONJOB, answer, cronjobs, namespace, objects};

/// A change of the CronJob that makes the Jobs of a round distinguishable.
fn edit(round: usize) -> serde_json::Value {
    let template = json!({ "metadata": { "labels": { "round": round.to_string() } },
                           "spec": { "activeDeadlineSeconds": 100 + round } });
    json!({ "spec": { "jobTemplate": template } })
}

#[tokio::test]
async fn a_start_uses_a_template_that_was_edited_immediately_before() {
    let namespace = namespace("edited").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
    for round in 0..30 {
        objects::patch(&namespace, &format!("cronjobs/{CRONJOB}"), &edit(round)).await;
        let job = started(&namespace, &api, CRONJOB).await;
        assert_eq!(job["spec"]["activeDeadlineSeconds"], 100 + round);
        assert_eq!(job["metadata"]["labels"]["round"], round.to_string());
    }
}

/// Concurrent starts share reads of the CronJob, but never one that was sent before their request.
#[tokio::test]
async fn concurrent_starts_use_a_template_that_was_edited_before_their_requests() {
    const STARTS: usize = 12;
    let namespace = namespace("edited-meanwhile").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[("RATE_LIMIT", "10000")]).await;
    let path = format!("/v1/targets/{CRONJOB}/runs");
    for round in 0..15 {
        let earlier = join_all((0..STARTS).map(|_| answer(api.post(&path))));
        let edited = async {
            objects::patch(&namespace, &format!("cronjobs/{CRONJOB}"), &edit(round)).await;
            join_all((0..STARTS).map(|_| answer(api.post(&path)))).await
        };
        let (earlier, edited) = futures_util::future::join(earlier, edited).await;
        for (status, run) in earlier.iter().chain(&edited) {
            assert_eq!(status.as_u16(), 202, "{run}");
        }
        for (_, run) in &edited {
            let job = objects::get(&namespace, &format!("jobs/{}", run["job_name"].as_str().unwrap())).await;
            assert_eq!(job["spec"]["activeDeadlineSeconds"], 100 + round);
            assert_eq!(job["metadata"]["labels"]["round"], round.to_string());
        }
    }
}
