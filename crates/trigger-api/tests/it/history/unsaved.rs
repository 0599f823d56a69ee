//! Runs while they can't be stored.

use reqwest::StatusCode;
use serde_json::Value;
use testkit::cluster::Namespace;
use testkit::postgres::{Database, Server};

use crate::support::{TriggerApi, answer, cronjob, jobs, namespace, problem, until};

async fn switch(database: &Database, command: &str) {
    database.execute(&format!("ALTER SYSTEM {command}")).await;
    database.execute("SELECT pg_reload_conf()").await;
}

async fn trigger_api(purpose: &str, database: &Database) -> (Namespace, TriggerApi) {
    let namespace = namespace(purpose).await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[("DATABASE_URL", &database.url)]).await;
    (namespace, api)
}

fn text<'a>(document: &'a Value, field: &str) -> &'a str {
    document[field].as_str().unwrap_or_else(|| panic!("no {field}: {document}"))
}

#[tokio::test]
async fn a_run_is_followed_and_cancelled_while_the_history_is_read_only() {
    let server = Server::start();
    let database = server.database().await;
    let (namespace, api) = trigger_api("read-only-history", &database).await;
    switch(&database, "SET default_transaction_read_only = on").await;
    until("the history is unwritable", async || {
        api.trigger().await;
        answer(api.get("/readyz")).await.1["status"] == "degraded"
    })
    .await;
    let (finished, cancelled) = (api.trigger().await, api.trigger().await);
    for run in [&finished, &cancelled] {
        assert_eq!(api.run(text(run, "run_id")).await["state"], "pending");
    }
    let (_, page) = answer(api.get("/v1/runs")).await;
    assert!(page["runs"][0]["created_at"].is_string(), "{page}");
    problem(api.get("/v1/runs/unknown"), 503, "store-unavailable").await;
    problem(api.delete("/v1/runs/unknown"), 503, "store-unavailable").await;

    assert_eq!(api.cancel(text(&cancelled, "run_id")).await["state"], "cancelled");
    assert_eq!(api.run(text(&cancelled, "run_id")).await["state"], "cancelled");

    jobs::finish(&namespace, text(&finished, "job_name")).await;
    assert_eq!(api.wait_for_end(text(&finished, "run_id")).await["state"], "succeeded");
    let (status, kept) = answer(api.delete(&format!("/v1/runs/{}", text(&finished, "run_id")))).await;
    assert_eq!((status, text(&kept, "state")), (StatusCode::OK, "succeeded"));
    assert!(jobs::ids(&namespace).await.contains(&text(&finished, "run_id").to_owned()));

    switch(&database, "RESET default_transaction_read_only").await;
    until("the end of the run is stored", async || {
        let stored = "SELECT state FROM runs WHERE id = $1";
        let mut connection = database.connect().await;
        let state: Option<String> = sqlx::query_scalar(stored)
            .bind(text(&finished, "run_id"))
            .fetch_optional(&mut connection)
            .await
            .unwrap();
        state.as_deref() == Some("succeeded")
    })
    .await;
}

#[tokio::test]
async fn cancelling_does_not_delete_a_finished_job_whose_stored_run_is_outdated() {
    let database = Server::shared().database().await;
    let (namespace, api) = trigger_api("stale-row", &database).await;
    let run = api.trigger().await;
    jobs::finish(&namespace, text(&run, "job_name")).await;
    api.wait_for_end(text(&run, "run_id")).await;
    database.execute("UPDATE runs SET state = 'pending', finished_at = NULL").await;
    let path = format!("/v1/runs/{}", text(&run, "run_id"));
    let (status, kept) = answer(api.delete(&path)).await;
    assert_eq!((status, text(&kept, "state")), (StatusCode::OK, "succeeded"), "{kept}");
    assert_eq!(jobs::ids(&namespace).await, [text(&run, "run_id")]);
}

#[tokio::test]
async fn a_run_that_is_not_in_the_history_is_found_and_cancelled_by_its_job() {
    let database = Server::shared().database().await;
    let (_namespace, api) = trigger_api("job-without-row", &database).await;
    let run = api.trigger().await;
    database.execute("DELETE FROM runs").await;
    assert_eq!(api.run(text(&run, "run_id")).await["state"], "pending");
    assert_eq!(api.cancel(text(&run, "run_id")).await["state"], "cancelled");
    problem(api.get("/v1/runs/unknown"), 404, "unknown-run").await;
}
