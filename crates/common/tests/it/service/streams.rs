//! Event streams.

use super::TestService;

#[tokio::test]
async fn streams_above_the_limit_are_rejected_until_one_ends() {
    let service = TestService::start(&[("MAX_STREAMS", "1")]).await;
    let mut first = service.get("/events").send().await.unwrap();
    assert_eq!(first.headers()["content-type"], "text/event-stream");
    assert_eq!(first.chunk().await.unwrap().unwrap(), "retry: 2000\n: events\n\n");
    assert_eq!(service.metric("greeter_open_streams").await, Some(1));
    service.problem(service.get("/events"), 503, "overloaded").await;
    drop(first);
    service.wait_for_status("/events", 200).await;
}
