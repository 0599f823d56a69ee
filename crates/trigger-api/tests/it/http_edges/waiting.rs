//! `Prefer: wait=N` (RFC 7240, section 4.3).

use crate::support::{CRONJOB, TriggerApi, answer, cronjob, jobs, namespace};

#[tokio::test]
async fn a_response_waits_for_the_end_of_the_run_as_preferred_and_for_at_most_a_minute() {
    let namespace = namespace("prefer").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    for (path, preferred, applied) in [
        ("/trigger-sync".to_owned(), "wait=30", "wait=30"),
        (format!("/v1/targets/{CRONJOB}/runs"), "respond-async, wait=100000", "wait=60"),
    ] {
        let mut events = super::follow(&api, None).await;
        let answer = tokio::spawn(api.post(&path).header("Prefer", preferred).send());
        let event = events.next().await.unwrap().data;
        jobs::finish(&namespace, event["job_name"].as_str().unwrap()).await;
        let response = answer.await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["preference-applied"], applied);
        let body: serde_json::Value = response.json().await.unwrap();
        assert_eq!((&body["state"], &body["run_id"]), (&"succeeded".into(), &event["run_id"]), "{body}");
    }
}

#[tokio::test]
async fn a_response_is_sent_after_the_preferred_time_while_the_run_is_active() {
    let namespace = namespace("impatient").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    for preferred in ["wait=1", "wait=0", "wait=soon", "wait=-1"] {
        let request = api.post(&format!("/v1/targets/{CRONJOB}/runs")).header("Prefer", preferred);
        let (status, body) = answer(request).await;
        assert_eq!((status.as_u16(), &body["state"]), (202, &"pending".into()), "{preferred}: {body}");
    }
}
