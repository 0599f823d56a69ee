//! Runs that a CronJob's schedule starts.

use crate::test_env::TestEnv;

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = env.first();
    let api = release.api();
    let run = api.event(|run| run["target"] == "trades-sync-premarket" && run["state"] == "succeeded");
    assert_eq!((&run["trigger"], run["requested_by"].as_str()), (&"scheduled".into(), None), "{run}");
    let id = run["run_id"].as_str().expect("a run has an id");
    let log = api.text(&format!("/v1/runs/{id}/logs"));
    // The last line is the summary.
    let summary = log.lines().last().unwrap_or_default();
    assert!(summary.contains("\"rows"), "{log}");
}
