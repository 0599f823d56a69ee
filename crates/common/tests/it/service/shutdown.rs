//! Graceful shutdown.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{TIMEOUT, TestService};

#[tokio::test]
async fn a_request_in_progress_completes_and_no_new_connection_is_accepted() {
    let mut service = TestService::start(&[("MAX_REQUESTS", "1")]).await;
    let second = tokio::spawn(service.get("/second").send());
    service.wait_for_status("/open", 503).await;
    service.request_shutdown();
    assert_eq!(second.await.unwrap().unwrap().status(), 200);
    timeout(TIMEOUT, &mut service.task).await.expect("the service stops").unwrap();
    assert!(service.get("/open").send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_request_that_outlasts_the_grace_period_is_cancelled() {
    let mut service = TestService::start(&[("MAX_REQUESTS", "1"), ("SHUTDOWN_GRACE_SECONDS", "1")]).await;
    let slow = tokio::spawn(service.get("/slow").send());
    service.wait_for_status("/open", 503).await;
    let started = Instant::now();
    service.request_shutdown();
    timeout(TIMEOUT, &mut service.task).await.expect("the service stops").unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    slow.abort();
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let mut service = TestService::start(&[]).await;
    let mut events = service.get("/events").send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    service.request_shutdown();
    assert!(events.chunk().await.unwrap().is_none());
    timeout(TIMEOUT, &mut service.task).await.expect("the service stops").unwrap();
}
