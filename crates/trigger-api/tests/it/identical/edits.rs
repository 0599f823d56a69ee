//! A template that was edited immediately before a start.

use serde_json::json;

use super::started;
use crate::support::{CRONJOB, cronjobs, namespace, objects};

#[tokio::test]
async fn a_start_uses_a_template_that_was_edited_immediately_before() {
    let namespace = namespace("edited").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[CRONJOB.to_owned()], &[]).await;
    for round in 0..30 {
        let edit = json!({ "spec": { "jobTemplate": { "spec": { "activeDeadlineSeconds": 100 + round },
                                                      "metadata": { "labels": { "round": round.to_string() } } } } });
        objects::patch(&namespace, &format!("cronjobs/{CRONJOB}"), &edit).await;
        let job = started(&namespace, &api, CRONJOB).await;
        assert_eq!(job["spec"]["activeDeadlineSeconds"], 100 + round);
        assert_eq!(job["metadata"]["labels"]["round"], round.to_string());
    }
}
