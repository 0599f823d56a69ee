//! Credentials of NATS.

use testkit::nats::{NatsServer, NatsVersion};

use super::running_program::RunningProgram;

const PASSWORD: &str = "hunter2-7d1f";
const ACCOUNT: &str = "authorization { user: monitor, password: \"hunter2-7d1f\" }";

fn url_with(server: &NatsServer, password: &str) -> String {
    server.url().replace("nats://", &format!("nats://monitor:{password}@"))
}

#[tokio::test]
async fn a_password_in_the_url_is_used_and_shown_nowhere() {
    let server = NatsServer::start_with(NatsVersion::Pinned, ACCOUNT);
    let url = url_with(&server, PASSWORD);
    let program = RunningProgram::start(&url, &[("LOG_LEVEL", "trace")]);
    program.until_live().await;
    for path in ["/health", "/health/detailed", "/status", "/api/registry", "/metrics"] {
        let response = program.get(path).await;
        assert!(!response.body.to_string().contains("hunter2"), "{path}: {response:?}");
    }
    assert_eq!(program.get("/health").await.body["nats_url"], server.url());
    assert!(!program.log().contains("hunter2"), "{}", program.log());
}

#[tokio::test]
async fn a_wrong_password_is_reported_and_not_repeated() {
    let server = NatsServer::start_with(NatsVersion::Pinned, ACCOUNT);
    let program = RunningProgram::start(&url_with(&server, "wrong-51ab"), &[("LOG_LEVEL", "trace")]);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !program.log().contains("rejects the credentials") {
        assert!(std::time::Instant::now() < deadline, "{}", program.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(program.get("/ready").await.status, 503);
    assert!(!program.log().contains("51ab"), "{}", program.log());
}
