//! Errors as problems.

use super::TestService;

#[tokio::test]
async fn an_unknown_path_and_an_unknown_method_are_problems() {
    let service = TestService::start(&[]).await;
    service.problem(service.get("/none"), 404, "unknown-route").await;
    service.problem(service.post("/hello"), 405, "method-not-allowed").await;
    let response = service.post("/hello").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_panic_is_a_problem_without_its_message_and_the_service_continues() {
    let service = TestService::start(&[]).await;
    let problem = service.problem(service.get("/panic"), 500, "internal").await;
    assert!(!problem.to_string().contains("secret"), "{problem}");
    assert_eq!(service.get("/hello").send().await.unwrap().status(), 200);
    let line = "greeter_http_requests_total{route=\"/panic\",method=\"GET\",status=\"500\"}";
    assert_eq!(service.metric(line).await, Some(1));
}

#[tokio::test]
async fn a_service_declares_kinds_of_problems_and_adds_members() {
    let service = TestService::start(&[]).await;
    let problem = service.problem(service.get("/taken"), 409, "name-taken").await;
    assert_eq!((&problem["title"], &problem["name"]), (&"The name is taken".into(), &"kraken".into()));
    assert!(!problem.to_string().contains("secret"), "{problem}");
    let response = service.get("/taken").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1", "a wait below a second is rounded up");
}
