//! Responses of the routes.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ADMIN_SECRET, DAY, TRIGGER, admin, block_views, source, start, start_with_short_timeout,
    trigger_analysis, wait_for_end_of, wait_for_status,
};
use crate::support::{TriggerApi, answer, problem, until};

#[tokio::test]
async fn a_rotated_password_of_the_source_takes_effect_without_a_restart() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let file = folder.path().join("url");
    std::fs::write(&file, "postgres://reader:old@127.0.0.1:1/trades").unwrap();
    let mounted = [("SOURCE_DATABASE_URL", ""), ("SOURCE_DATABASE_URL_FILE", file.to_str().unwrap())];
    let api = start_with_short_timeout(&folder, &source, &mounted);
    let failed = wait_for_end_of(&api, &trigger_analysis(&api).await).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    std::fs::write(&file, &source.url).unwrap();
    assert_eq!(wait_for_end_of(&api, &trigger_analysis(&api).await).await["status"], "completed");
    std::fs::remove_file(&file).unwrap();
    let failed = wait_for_end_of(&api, &trigger_analysis(&api).await).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    assert!(failed["error"].as_str().unwrap().contains("SOURCE_DATABASE_URL_FILE"), "{failed}");
}

#[tokio::test]
async fn an_analysis_is_started_and_its_status_result_and_log_are_read() {
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

    let status = wait_for_end_of(&api, id).await;
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
    assert!(log.as_str().unwrap().contains("% "), "the log has the progress: {log}");
    let line = api.wait_for_log("task completed successfully");
    assert!(line.contains("portfolio-analysis") && line.contains(id), "{line}");
}

#[tokio::test]
async fn a_date_and_a_number_of_days_are_accepted_and_invalid_or_unknown_ones_are_rejected() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let trigger = |body: Value| answer(admin(api.post(TRIGGER)).json(&body));
    let (status, started) =
        trigger(json!({ "date": "2026-02-10", "days": 1, "reason": "a look back" })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{started}");
    let ended = wait_for_end_of(&api, started["run_id"].as_str().unwrap()).await;
    assert_eq!(ended["result"]["date"], "2026-02-10", "{ended}");
    let run = answer(admin(api.get(&format!("/v1/runs/{}", started["run_id"].as_str().unwrap())))).await.1;
    assert_eq!(run["reason"], "a look back");

    for invalid in [json!({ "dates": [] }), json!({ "days": "all" }), json!([])] {
        problem(admin(api.post(TRIGGER)).json(&invalid), 400, "bad-request").await;
    }
    for twice in [
        r#"{"date":"2026-02-10","date":"2026-02-11"}"#,
        r#"{"days":3,"days":4}"#,
        r#"{"reason":"a","reason":"b"}"#,
    ] {
        let request = admin(api.post(TRIGGER)).header("content-type", "application/json");
        problem(request.body(twice), 400, "bad-request").await;
    }
    for invalid in [json!({ "date": "yesterday" }), json!({ "days": 0 })] {
        problem(admin(api.post(TRIGGER)).json(&invalid), 422, "bad-parameters").await;
    }
    let start = || admin(api.post("/v1/targets/portfolio-analysis/runs"));
    problem(start().json(&json!({ "parameters": { "day": 1 } })), 422, "bad-parameters").await;
    let (_, started) = trigger(json!({ "date": "2031-01-01" })).await;
    let failed = wait_for_end_of(&api, started["run_id"].as_str().unwrap()).await;
    assert_eq!((&failed["status"], &failed["cause"]["reason"]), (&json!("failed"), &json!("NoSuchDay")));
    let message = failed["error"].as_str().unwrap();
    assert!(message.contains("2031-01-01") && message.contains(DAY), "{message}");
    let result = format!("/v1/runs/{}/result", started["run_id"].as_str().unwrap());
    problem(admin(api.get(&result)), 404, "no-result").await;
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_starts_one_analysis() {
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
async fn a_browser_gets_a_page_while_the_analysis_is_running_and_after_it_has_ended() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let blocking = block_views(&source).await;
    let id = trigger_analysis(&api).await;
    wait_for_status(&api, &id, |status| status["status"] == "running").await;
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
    drop(blocking);
    wait_for_end_of(&api, &id).await;
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
async fn a_cancelled_analysis_names_its_canceller() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[]);
    let _blocking = block_views(&source).await;
    let id = trigger_analysis(&api).await;
    wait_for_status(&api, &id, |status| status["status"] == "running").await;
    let (status, run) = answer(admin(api.delete(&format!("/v1/runs/{id}")))).await;
    assert_eq!((status, &run["state"]), (StatusCode::OK, &json!("cancelled")));
    let ended = wait_for_end_of(&api, &id).await;
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("cancelled"), &json!("Cancelled by admin-secret."))
    );
    let page = admin(api.get(&format!("/v1/runs/{id}/result"))).header("accept", "text/html").send().await;
    assert!(page.unwrap().text().await.unwrap().contains("CancelledOnRequest"));
}

#[tokio::test]
async fn an_unreachable_source_fails_the_run_without_revealing_the_password() {
    let (folder, mut source) = (TempDir::new().unwrap(), source().await);
    source.url = "postgres://reader:hunter2@127.0.0.1:1/trades".to_owned();
    let mut api = start_with_short_timeout(&folder, &source, &[("LOG_LEVEL", "debug")]);
    let id = trigger_analysis(&api).await;
    let failed = wait_for_end_of(&api, &id).await;
    assert_eq!(failed["cause"]["reason"], "SourceUnreachable", "{failed}");
    assert!(!failed.to_string().contains("hunter2"), "{failed}");
    let log = api.last_words().join("\n");
    assert!(log.contains("task failed") && !log.contains("hunter2") && !log.contains(ADMIN_SECRET), "{log}");
}

#[tokio::test]
async fn an_unknown_analysis_is_not_found_and_a_target_that_is_not_configured_names_its_setting() {
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
    let body = problem(admin(without.post(TRIGGER)), 404, "unknown-target").await;
    assert!(body["detail"].as_str().unwrap().contains("SOURCE_DATABASE_URL"), "{body}");
}

#[tokio::test]
async fn the_target_describes_the_task_and_metrics_count_its_runs() {
    let (folder, source) = (TempDir::new().unwrap(), source().await);
    let api = start(&folder, &source, &[("TASK_QUEUE", "7")]);
    let blocking = block_views(&source).await;
    let (first, second) = (trigger_analysis(&api).await, trigger_analysis(&api).await);
    wait_for_status(&api, &first, |status| status["status"] == "running").await;
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
    for state in ["pending", "running"] {
        let line = format!("trigger_api_task_runs{{target=\"portfolio-analysis\",state=\"{state}\"}} 1\n");
        until("the runs are counted", async || {
            let metrics = api.get("/metrics").send().await.unwrap();
            metrics.text().await.unwrap().contains(&line)
        })
        .await;
    }
    drop(blocking);
    wait_for_end_of(&api, &second).await;
}
