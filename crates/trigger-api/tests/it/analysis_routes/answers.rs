//! What the routes answer.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ADMIN_SECRET, DAY, TRIGGER, admin, ask, held_up, source, start, start_with_little_time, until,
    until_ended,
};
use crate::support::{TriggerApi, answer, problem};

#[tokio::test]
async fn a_rotated_password_of_the_source_needs_no_restart() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://reader:old@127.0.0.1:1/trades").unwrap();
    let mounted = [("SOURCE_DATABASE_URL", ""), ("SOURCE_DATABASE_URL_FILE", file.to_str().unwrap())];
    let api = start_with_little_time(&folder, &source, &mounted);
    let failed = until_ended(&api, &ask(&api).await).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    std::fs::write(&file, &source.url).unwrap();
    assert_eq!(until_ended(&api, &ask(&api).await).await["status"], "completed");
    std::fs::remove_file(&file).unwrap();
    let failed = until_ended(&api, &ask(&api).await).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("SOURCE_DATABASE_URL_FILE"), "{failed}");
}

#[tokio::test]
async fn an_analysis_is_started_followed_and_read() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let mut api = start(&folder, &source, &[]);
    let response = admin(api.post(TRIGGER)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(response.headers()["retry-after"], "2");
    let body: Value = response.json().await.unwrap();
    let id = body["run_id"].as_str().unwrap();
    assert_eq!(location, format!("/api/admin/portfolio/analysis-status/{id}"));
    assert_eq!(
        body,
        json!({ "status": "started", "run_id": id, "message": "Portfolio analysis running in background" })
    );
    let day: String = id.chars().skip(4).take(15).collect();
    assert!(id.starts_with("run_") && jiff::civil::DateTime::strptime("%Y%m%d_%H%M%S", &day).is_ok(), "{id}");

    let status = until_ended(&api, id).await;
    assert_eq!((&status["status"], &status["state"]), (&json!("completed"), &json!("succeeded")));
    assert_eq!((&status["error"], &status["requested_by"]), (&Value::Null, &json!("admin-secret")));
    assert_eq!(status["progress"]["percent"], 100);
    assert_eq!(status["result"]["date"], DAY);
    assert!(status["result"]["total"]["positions"].as_u64().unwrap() >= 50, "{status}");

    let run = answer(admin(api.get(&format!("/v1/runs/{id}")))).await.1;
    assert_eq!((&run["state"], &run["target"]), (&json!("succeeded"), &json!("portfolio-analysis")));
    let result = answer(admin(api.get(run["links"]["result"].as_str().unwrap()))).await;
    assert_eq!(result, (StatusCode::OK, status["result"].clone()));
    let log = answer(admin(api.get(run["links"]["logs"].as_str().unwrap()))).await.1;
    assert!(log.as_str().unwrap().contains("% "), "the progress is in the log: {log}");
    let line = api.wait_for_log("task completed successfully");
    assert!(line.contains("portfolio-analysis") && line.contains(id), "{line}");
}

#[tokio::test]
async fn a_date_and_a_number_of_days_may_be_asked_for_and_what_can_not_be_had_is_told() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let trigger = |body: Value| answer(admin(api.post(TRIGGER)).json(&body));
    let (status, started) =
        trigger(json!({ "date": "2026-02-10", "days": 1, "reason": "a look back" })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let ended = until_ended(&api, started["run_id"].as_str().unwrap()).await;
    assert_eq!(ended["result"]["date"], "2026-02-10", "{ended}");
    let run = answer(admin(api.get(&format!("/v1/runs/{}", started["run_id"].as_str().unwrap())))).await.1;
    assert_eq!(run["reason"], "a look back");

    for wrong in [json!({ "dates": [] }), json!({ "days": "all" }), json!([])] {
        problem(admin(api.post(TRIGGER)).json(&wrong), 400, "bad-request").await;
    }
    for wrong in [json!({ "date": "yesterday" }), json!({ "days": 0 })] {
        problem(admin(api.post(TRIGGER)).json(&wrong), 422, "bad-parameters").await;
    }
    let start = || admin(api.post("/v1/targets/portfolio-analysis/runs"));
    problem(start().json(&json!({ "parameters": { "day": 1 } })), 422, "bad-parameters").await;
    let (_, started) = trigger(json!({ "date": "2031-01-01" })).await;
    let failed = until_ended(&api, started["run_id"].as_str().unwrap()).await;
    assert_eq!((&failed["status"], &failed["cause"]["reason"]), (&json!("failed"), &json!("NoSuchDay")));
    let words = failed["error"].as_str().unwrap();
    assert!(words.contains("2031-01-01") && words.contains(DAY), "{words}");
    let result = format!("/v1/runs/{}/result", started["run_id"].as_str().unwrap());
    problem(admin(api.get(&result)), 404, "no-result").await;
}

#[tokio::test]
async fn the_same_request_twice_with_one_key_is_one_analysis() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let keyed = |date: &str| {
        admin(api.post(TRIGGER)).header("idempotency-key", "nightly-1").json(&json!({ "date": date }))
    };
    let (_, first) = answer(keyed(DAY)).await;
    let (status, again) = answer(keyed(DAY)).await;
    assert_eq!((status, &again), (StatusCode::ACCEPTED, &first));
    problem(keyed("2026-02-10"), 422, "key-reused").await;
}

#[tokio::test]
async fn a_person_gets_a_page_while_it_goes_on_and_when_it_is_done() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let holding = held_up(&source).await;
    let id = ask(&api).await;
    until(&api, &id, |status| status["status"] == "running").await;
    let path = format!("/api/admin/portfolio/analysis-status/{id}");
    let page = async |accept: &str| {
        let response = admin(api.get(&path)).header("accept", accept).send().await.unwrap();
        let headers = response.headers().clone();
        (response.status(), headers, response.text().await.unwrap())
    };
    let (status, headers, text) = page("text/html").await;
    assert_eq!(
        (status, &headers["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
    assert!(text.contains("http-equiv=\"refresh\"") && text.contains("running"), "{text}");
    drop(holding);
    until_ended(&api, &id).await;
    let (status, headers, text) = page("text/html,application/xhtml+xml,*/*;q=0.8").await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(
        (&headers["cache-control"], &headers["x-content-type-options"]),
        (&"no-store".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    assert!(text.contains("<svg") && text.contains(DAY) && !text.contains("<script"), "{text}");
    assert_eq!(page("*/*").await.1["content-type"], "application/json");
    problem(admin(api.get(&path)).header("accept", "image/png"), 406, "not-acceptable").await;
    let result = admin(api.get(&format!("/v1/runs/{id}/result"))).header("accept", "text/html");
    assert_eq!(result.send().await.unwrap().text().await.unwrap(), text);
}

#[tokio::test]
async fn an_analysis_can_be_cancelled_and_says_so() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let _holding = held_up(&source).await;
    let id = ask(&api).await;
    until(&api, &id, |status| status["status"] == "running").await;
    let (status, run) = answer(admin(api.delete(&format!("/v1/runs/{id}")))).await;
    assert_eq!((status, &run["state"]), (StatusCode::OK, &json!("cancelled")));
    let ended = until_ended(&api, &id).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("cancelled"), &json!("Cancelled by admin-secret."))
    );
    let page = admin(api.get(&format!("/v1/runs/{id}/result"))).header("accept", "text/html").send().await;
    assert!(page.unwrap().text().await.unwrap().contains("CancelledOnRequest"));
}

#[tokio::test]
async fn a_source_that_is_away_fails_the_run_and_shows_no_password() {
    let (folder, mut source) = (TempDir::new().unwrap(), source().await);
    source.url = "postgres://reader:hunter2@127.0.0.1:1/trades".to_owned();
    let mut api = start_with_little_time(&folder, &source, &[("LOG_LEVEL", "debug")]);
    let id = ask(&api).await;
    let failed = until_ended(&api, &id).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    assert!(!failed.to_string().contains("hunter2"), "{failed}");
    let log = api.last_words().join("\n");
    assert!(log.contains("task failed") && !log.contains("hunter2") && !log.contains(ADMIN_SECRET), "{log}");
}

#[tokio::test]
async fn what_is_no_analysis_is_not_found() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let none = "/api/admin/portfolio/analysis-status/run_20251123_010000";
    problem(admin(api.get(none)), 404, "unknown-run").await;
    problem(admin(api.get("/v1/runs/none/result")), 404, "unknown-run").await;

    let config = folder.path().join("config.json");
    let variables = [
        ("EXECUTOR", "local"),
        ("CONFIG_FILE", config.to_str().unwrap()),
        ("DATABASE_URL", &format!("sqlite:{}", folder.path().join("other.sqlite").display())),
        ("CRONJOB_NAME", "none"),
        ("ADMIN_SECRET", ADMIN_SECRET),
    ];
    let without = TriggerApi::spawn(&variables);
    let told = problem(admin(without.post(TRIGGER)), 404, "unknown-target").await;
    assert!(told["detail"].as_str().unwrap().contains("SOURCE_DATABASE_URL"), "{told}");
}

#[tokio::test]
async fn targets_tell_of_the_task_and_metrics_of_its_runs() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[("TASK_QUEUE", "7")]);
    let holding = held_up(&source).await;
    let (first, second) = (ask(&api).await, ask(&api).await);
    until(&api, &first, |status| status["status"] == "running").await;
    let (_, targets) = answer(admin(api.get("/v1/targets"))).await;
    let target = &targets["targets"][0];
    assert_eq!((&target["name"], &target["kind"]), (&json!("portfolio-analysis"), &json!("task")));
    let task = json!({ "name": "portfolio-analysis", "max_concurrent": 1, "queue": 7, "timeout_seconds": 1800, "resumes": true });
    assert_eq!(target["task"], task);
    let active: Vec<_> =
        target["status"]["active"].as_array().unwrap().iter().map(|run| &run["run_id"]).collect();
    assert_eq!(active, [&json!(first), &json!(second)]);
    let (_, preview) = answer(admin(api.get("/v1/targets/portfolio-analysis/preview"))).await;
    assert_eq!((&preview["allowed"], &preview["job"]), (&json!(true), &Value::Null));
    let metrics = api.get("/metrics").send().await.unwrap().text().await.unwrap();
    for state in ["pending", "running"] {
        let line = format!("trigger_api_task_runs{{target=\"portfolio-analysis\",state=\"{state}\"}} 1\n");
        assert!(metrics.contains(&line), "{line} in\n{metrics}");
    }
    drop(holding);
    until_ended(&api, &second).await;
}
