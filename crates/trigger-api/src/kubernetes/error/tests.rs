use k8s_openapi::api::batch::v1::Job;
use kube::Client;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

const RIGHT: Right<'static> =
    Right { verb: "create", resource: "jobs.batch", name: None, namespace: "trading" };

fn api_error(code: u16, reason: &str, message: &str, details: &Value) -> kube::Error {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message, "details": details,
    });
    kube::Error::Api(Box::new(serde_json::from_value(status).unwrap()))
}

/// The variant without its detail.
fn variant(error: &ExecutorError) -> &'static str {
    match error {
        ExecutorError::NoCronJob { .. } => "NoCronJob",
        ExecutorError::NameTaken(_) => "NameTaken",
        ExecutorError::Unreachable(_) => "Unreachable",
        ExecutorError::TimedOut(_) => "TimedOut",
        ExecutorError::Busy { .. } => "Busy",
        ExecutorError::Failed(_) => "Failed",
        ExecutorError::Forbidden { .. } => "Forbidden",
        ExecutorError::Unauthenticated(_) => "Unauthenticated",
        ExecutorError::UnreadableJob { .. } => "UnreadableJob",
        ExecutorError::UncheckedJob { .. } => "UncheckedJob",
        ExecutorError::QuotaExceeded(_) => "QuotaExceeded",
        ExecutorError::NamespaceTerminating(_) => "NamespaceTerminating",
        ExecutorError::Store(_) => "Store",
        ExecutorError::Refused(_) => "Refused",
        ExecutorError::BadParameters(_) => "BadParameters",
    }
}

#[test]
fn a_status_of_the_api_server_is_mapped_by_its_code_and_message() {
    let quota = "jobs.batch \"sync-a\" is forbidden: exceeded quota: jobs, requested: count/jobs.batch=1, \
                 used: count/jobs.batch=0, limited: count/jobs.batch=0";
    let rbac = "jobs.batch is forbidden: User \"system:serviceaccount:trading:trigger-api-sa\" cannot create \
                resource \"jobs\" in API group \"batch\" in the namespace \"trading\"";
    let policy = "jobs.batch \"sync-a\" is forbidden: ValidatingAdmissionPolicy 'trigger-api-targets-only' denied \
                  request: no";
    let webhook = "admission webhook \"policy.example.com\" denied the request: no";
    let terminating = "unable to create new content in namespace trading because it is being terminated";
    let table = [
        (400, "BadRequest", "the object is not valid", "Refused"),
        (401, "Unauthorized", "Unauthorized", "Unauthenticated"),
        (403, "Forbidden", rbac, "Forbidden"),
        (403, "Forbidden", quota, "QuotaExceeded"),
        (403, "Forbidden", policy, "Refused"),
        (403, "Forbidden", webhook, "Refused"),
        (403, "Forbidden", terminating, "NamespaceTerminating"),
        (404, "NotFound", "pods \"a\" not found", "Refused"),
        (409, "AlreadyExists", "jobs.batch \"sync-a\" already exists", "Refused"),
        (409, "Conflict", "the object has been modified", "Refused"),
        (410, "Expired", "too old resource version", "Refused"),
        (422, "Invalid", "ValidatingAdmissionPolicy denied request: no", "Refused"),
        (500, "InternalError", "etcdserver: request timed out", "Failed"),
        (502, "", "Bad Gateway", "Failed"),
        (503, "ServiceUnavailable", "the server is currently unable", "Failed"),
        (504, "Timeout", "the request did not complete in time", "TimedOut"),
    ];
    for (code, reason, message, expected) in table {
        let mapped = executor_error(&api_error(code, reason, message, &Value::Null), &RIGHT);
        assert_eq!(variant(&mapped), expected, "{code} {reason}: {message}");
        if let ExecutorError::Forbidden { right, .. } = &mapped {
            assert_eq!(right.to_string(), "create jobs.batch in the namespace trading");
        }
        // The log gets all of it.
        assert!(mapped.to_string().contains(&format!("{code} {reason}: {message}")), "{mapped}");
    }
}

#[test]
fn a_busy_api_server_may_set_the_time_of_the_next_request() {
    for (details, expected) in [
        (json!({ "retryAfterSeconds": 7 }), Some(Duration::from_secs(7))),
        (json!({ "retryAfterSeconds": 0 }), None),
        (json!({}), None),
        (Value::Null, None),
    ] {
        let mapped = executor_error(&api_error(429, "TooManyRequests", "busy", &details), &RIGHT);
        let ExecutorError::Busy { detail, retry_after } = mapped else { panic!("{mapped}") };
        assert_eq!((detail.as_str(), retry_after), ("429 TooManyRequests: busy", expected), "{details}");
    }
}

#[test]
fn a_status_is_recognized_by_its_code_and_reason() {
    let taken = api_error(409, "AlreadyExists", "", &Value::Null);
    for (code, reason, expected) in [
        (409, "AlreadyExists", true),
        (409, "", true),
        (409, "Conflict", false),
        (404, "AlreadyExists", false),
    ] {
        assert_eq!(is_status(&taken, code, reason), expected, "{code} {reason}");
    }
    let other = kube::Error::ReadEvents(std::io::Error::other("broken"));
    assert!(!is_status(&other, 409, ""));
}

#[test]
fn a_response_that_is_not_from_an_api_server_is_a_failure() {
    let parse = serde_json::from_str::<Value>("<html>").unwrap_err();
    assert_eq!(variant(&executor_error(&kube::Error::SerdeError(parse), &RIGHT)), "Failed");
    let utf8 = String::from_utf8(vec![0xff]).unwrap_err();
    assert_eq!(variant(&executor_error(&kube::Error::FromUtf8(utf8), &RIGHT)), "Failed");
}

#[test]
fn a_broken_connection_may_have_delivered_the_request() {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "reset by peer");
    let mapped = executor_error(&kube::Error::ReadEvents(broken), &RIGHT);
    assert_eq!(variant(&mapped), "TimedOut");
    assert!(mapped.to_string().contains("reset by peer"), "{mapped}");
}

/// The error of a request to that address, over plain HTTP.
async fn request_error(address: std::net::SocketAddr) -> kube::Error {
    let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
    config.default_retry = false;
    let jobs: Api<Job> = Api::namespaced(Client::try_from(config).unwrap(), "trading");
    jobs.list(&ListParams::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_connection_that_can_not_be_established_did_not_deliver_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(variant(&executor_error(&request_error(address).await, &RIGHT)), "Unreachable");
}

#[tokio::test]
async fn a_connection_that_closes_without_a_response_may_have_delivered_the_request() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let close = async { drop(listener.accept().await.unwrap()) };
    let (error, ()) = tokio::join!(request_error(address), close);
    assert_eq!(variant(&executor_error(&error, &RIGHT)), "TimedOut");
}
