//! A day on its way from Postgres to D1.

use jiff::civil::Date;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::release::trades_sync;
use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let release = world.first();
    let started = release.script("operate.sh", &["trigger", "trades-sync-midday"]).well();
    let run = started.lines().find_map(|line| line.split(", run ").nth(1)).expect("it names the run");
    let run = run.split(',').next().expect("it has an id");
    // It follows the log, and ends as the run does.
    let log = release.script("operate.sh", &["logs", run]).well();
    assert!(log.ends_with("-- succeeded\n"), "{log}");

    let (date, stored) = shipped(world);
    let date = date.to_string();
    let verdict = trades_sync(world, &["verify", "--date", &date, "--sink", "d1"]);
    verdict.well();
    // And in the document, all KPIs of the sample day.
    assert_eq!(stored["rows"].as_array().map(Vec::len), Some(26), "{stored}");

    let runs = release.script("operate.sh", &["runs", "trades-sync-midday"]).well();
    assert!(runs.lines().any(|line| line.contains(run) && line.contains("succeeded")), "{runs}");
    let api = release.api(world);
    let run = api.get(&format!("/v1/runs/{run}"));
    let job = run["job_name"].as_str().expect("a Job has a name");
    // The Job is of the CronJob itself.
    let spec = |object: &str, path: &str| {
        release.kubectl(&["get", object, "--output", &format!("jsonpath={{{path}.containers}}")])
    };
    assert_eq!(
        spec(&format!("job/{job}"), ".spec.template.spec"),
        spec("cronjob/trades-sync-midday", ".spec.jobTemplate.spec.template.spec")
    );
    assert_eq!(run["trigger"], "manual", "{run}");
}

/// The newest day that the Worker has, and its document.
fn shipped(world: &World) -> (Date, Value) {
    let access = &world.parts().worker.access;
    let mut headers = HeaderMap::new();
    headers.insert("X-Internal-Token", access.internal_token.parse().expect("a header's value"));
    let client = reqwest::Client::builder().default_headers(headers).build().expect("a client");
    let get = async |path: String| -> Value {
        let response = client.get(format!("{}/v1/trades/snapshots{path}", access.worker)).send().await;
        response.expect("the Worker answers").json().await.expect("it answers in JSON")
    };
    world.wait(async {
        let days = get("?limit=1".to_owned()).await;
        let date = days["days"][0]["date"].as_str().unwrap_or_else(|| panic!("no day was stored: {days}"));
        (date.parse().expect("a date"), get(format!("/{date}")).await)
    })
}
