use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::http::{Request as HttpRequest, Response};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::json;

use super::*;

/// The method, path and body of each request that the API server received.
type ReceivedRequests = Arc<Mutex<Vec<(String, Value)>>>;

/// A client whose API server sends that status code and body in response to every request, or never responds.
fn cluster(reply: Option<(u16, Value)>) -> (ClusterClient, ReceivedRequests) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let received = Arc::clone(&requests);
    let service = tower::service_fn(move |request: HttpRequest<Body>| {
        let (received, reply) = (Arc::clone(&received), reply.clone());
        async move {
            let line = format!("{} {}", request.method(), request.uri());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            received.lock().unwrap().push((line, serde_json::from_slice(&body).unwrap_or_default()));
            let Some((code, body)) = reply else { return std::future::pending().await };
            let response = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    let client = Client::new(service, "trading");
    let rights = Arc::default();
    (ClusterClient { client, request_timeout: Duration::from_secs(3), rights }, requests)
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                         "code": code, "reason": reason, "message": "a message" });
    (code, status)
}

fn job() -> Value {
    json!({ "apiVersion": "batch/v1", "kind": "Job", "spec": {},
            "metadata": { "name": "sync-a", "namespace": "trading", "uid": "a", "resourceVersion": "7" } })
}

#[tokio::test]
async fn a_job_is_created_with_one_post() {
    let (cluster, requests) = cluster(Some((201, job())));
    let created = cluster.create_job("trading", &job()).await.unwrap();
    assert!(matches!(created, JobCreation::Created(created) if created.metadata.uid.as_deref() == Some("a")));
    let requests = requests.lock().unwrap();
    let [(line, body)] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(line.starts_with("POST /apis/batch/v1/namespaces/trading/jobs"), "{line}");
    assert_eq!(*body, job());
}

#[tokio::test]
async fn only_an_existing_job_means_that_the_name_is_taken() {
    let (existing, _) = cluster(Some(failure(409, "AlreadyExists")));
    assert!(matches!(existing.create_job("trading", &job()).await, Ok(JobCreation::NameTaken)));
    let (conflict, _) = cluster(Some(failure(409, "Conflict")));
    assert!(matches!(conflict.create_job("trading", &job()).await, Err(ExecutorError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_response_times_out() {
    let (cluster, requests) = cluster(None);
    let created = cluster.create_job("trading", &job()).await.err().unwrap();
    let read = cluster.job("trading", "sync-a").await.unwrap_err();
    let deleted = cluster.delete_job(&serde_json::from_value(job()).unwrap()).await.unwrap_err();
    for error in [created, read, deleted] {
        assert!(matches!(error, ExecutorError::TimedOut(_)), "{error}");
        assert!(error.to_string().contains("within 3 s"), "{error}");
    }
    assert_eq!(requests.lock().unwrap().len(), 3, "none is sent twice");
}

#[tokio::test]
async fn a_missing_object_is_none_except_for_the_cronjob() {
    let (cluster, _) = cluster(Some(failure(404, "NotFound")));
    assert!(cluster.job("trading", "sync-a").await.unwrap().is_none());
    let target = CronJobTarget {
        name: "sync".parse().unwrap(),
        namespace: "trading".to_owned(),
        cronjob: "sync-cronjob".to_owned(),
        allow_suspended: false,
        job_prefix: "sync-cronjob-".to_owned(),
    };
    let error = cluster.cronjob(&target).await.err().unwrap();
    assert!(matches!(error, ExecutorError::NoCronJob { name, .. } if name == "sync-cronjob"));
}

#[tokio::test]
async fn only_the_version_of_a_job_that_was_read_is_deleted() {
    let read: JobObject = serde_json::from_value(job()).unwrap();
    let mut stopping = job();
    stopping["kind"] = json!("Job");
    let (cluster_with_job, requests) = cluster(Some((200, stopping)));
    assert!(matches!(cluster_with_job.delete_job(&read).await, Ok(DeletionResult::Begun(_))));
    let (line, body) = requests.lock().unwrap()[0].clone();
    assert!(line.starts_with("DELETE /apis/batch/v1/namespaces/trading/jobs/sync-a"), "{line}");
    assert_eq!(body["preconditions"], json!({ "uid": "a", "resourceVersion": "7" }));
    assert_eq!(body["propagationPolicy"], "Foreground");
    let (gone, _) = cluster(Some((200, json!({ "kind": "Status", "status": "Success" }))));
    assert!(matches!(gone.delete_job(&read).await, Ok(DeletionResult::Done)));
    let (missing, _) = cluster(Some(failure(404, "NotFound")));
    assert!(matches!(missing.delete_job(&read).await, Ok(DeletionResult::Done)));
    let (changed, _) = cluster(Some(failure(409, "Conflict")));
    assert!(matches!(changed.delete_job(&read).await, Ok(DeletionResult::Changed)));
    let (failing, _) = cluster(Some(failure(500, "InternalError")));
    assert!(matches!(failing.delete_job(&read).await, Err(ExecutorError::Failed(_))));
}
