//! The portfolio analysis, started by its CronJob and by an operator.

use serde_json::Value;

use crate::test_env::TestEnv;

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = env.first();
    release.kubectl(&["create", "job", "by-hand", "--from=cronjob/portfolio-analysis-trigger"]);
    // The Job runs curl-trigger --wait, so it ends when the analysis ends.
    release.kubectl(&["wait", "--for=condition=complete", "--timeout=90s", "job/by-hand"]);
    let log = release.kubectl(&["logs", "--selector=component=trigger", "--tail=20"]);
    let run = log
        .split_once("✅ Portfolio analysis succeeded (")
        .and_then(|(_, rest)| rest.split([',', ')']).next());
    let run = run.unwrap_or_else(|| panic!("no line reports success: {log}"));

    let status = release.api().get(&format!("/api/admin/portfolio/analysis-status/{run}"));
    assert_eq!(status["status"], "completed", "{status}");
    assert!(status["result"]["total"].is_object(), "{status}");

    // The operator's command returns the same totals.
    let output = release.script("tradeops.sh", &["analyse", "-o", "json"]).expect_success();
    let output: Value = serde_json::from_str(&output).expect("the command prints JSON");
    assert_eq!(
        (&output["status"], &output["result"]["total"]),
        (&status["status"], &status["result"]["total"])
    );
}
