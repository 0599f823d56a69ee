//! A trading day's way from Postgres to D1.

use jiff::civil::Date;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::http::client_builder;
use crate::release::{Release, trades_sync};
use crate::test_env::TestEnv;
use crate::wait::wait;

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = env.first();
    let (run, _) = succeeded(release, &["trigger", "trades-sync-midday"]);
    let run = run.as_str();

    let (date, stored) = newest_day(env);
    let date = date.to_string();
    trades_sync(&env.environment, &["verify", "--date", &date, "--sink", "d1"]).expect_success();
    // The sample day has 26 KPIs.
    assert_eq!(stored["rows"].as_array().map(Vec::len), Some(26), "{stored}");

    let succeeded_runs = ["runs", "trades-sync-midday", "--state", "succeeded", "-o", "name"];
    let runs = release.script("tradeops.sh", &succeeded_runs).expect_success();
    assert!(runs.lines().any(|line| line == run), "{runs}");
    let api = release.api();
    let run = api.get(&format!("/v1/runs/{run}"));
    let job = run["job_name"].as_str().expect("the run has a Job");
    // The Job's containers are those of the CronJob.
    let containers = |object: &str, path: &str| {
        release.kubectl(&["get", object, "--output", &format!("jsonpath={{{path}.containers}}")])
    };
    assert_eq!(
        containers(&format!("job/{job}"), ".spec.template.spec"),
        containers("cronjob/trades-sync-midday", ".spec.jobTemplate.spec.template.spec")
    );
    assert_eq!(run["trigger"], "manual", "{run}");

    // The same day again, by its date.
    let (again, log) = succeeded(release, &["trigger", "trades-sync-midday", &format!("SYNC_DATE={date}")]);
    assert!(log.contains(&date), "{log}");
    let again = api.get(&format!("/v1/runs/{again}"));
    assert_eq!(again["parameters"], json!({ "SYNC_DATE": date }), "{again}");
}

/// Starts a run with that command and follows it. Returns its id and its log.
fn succeeded(release: &Release, command: &[&str]) -> (String, String) {
    let started = release.script("tradeops.sh", &[command, &["-o", "name"]].concat()).expect_success();
    let run = started.trim().to_owned();
    // The command follows the log until the run ends; its exit code is the outcome.
    let log = release.script("tradeops.sh", &["logs", "-f", &run]).expect_success();
    (run, log)
}

/// The newest day that the Worker stores, and its document.
fn newest_day(env: &TestEnv) -> (Date, Value) {
    let access = &env.environment.services.worker;
    let mut headers = HeaderMap::new();
    headers.insert("X-Internal-Token", access.internal_token.parse().expect("a header's value"));
    let client = client_builder().default_headers(headers).build().expect("a client");
    let get = async |path: String| -> Value {
        let response = client.get(format!("{}/v1/trades/snapshots{path}", access.worker)).send().await;
        response.expect("the Worker responds").json().await.expect("the response is JSON")
    };
    wait(async {
        let days = get("?limit=1".to_owned()).await;
        let date = days["days"][0]["date"].as_str().unwrap_or_else(|| panic!("no day was stored: {days}"));
        (date.parse().expect("a date"), get(format!("/{date}")).await)
    })
}
