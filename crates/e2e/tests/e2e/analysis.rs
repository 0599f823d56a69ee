//! The portfolio analysis, as its CronJob asks for it.

use serde_json::Value;

use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let release = world.first();
    release.kubectl(&["create", "job", "by-hand", "--from=cronjob/portfolio-analysis-trigger"]);
    // curl-trigger --wait: the Job ends when the analysis does.
    release.kubectl(&["wait", "--for=condition=complete", "--timeout=90s", "job/by-hand"]);
    let log = release.kubectl(&["logs", "--selector=component=trigger", "--tail=20"]);
    let run = log
        .split_once("✅ Portfolio analysis succeeded (")
        .and_then(|(_, rest)| rest.split([',', ')']).next());
    let run = run.unwrap_or_else(|| panic!("no line of success: {log}"));

    let status = release.api(world).get(&format!("/api/admin/portfolio/analysis-status/{run}"));
    assert_eq!(status["status"], "completed", "{status}");
    assert!(status["result"]["total"].is_object(), "{status}");

    // What an operator asks for is the same.
    let said = release.script("operate.sh", &["analyse"]).well();
    assert!(said.contains(": completed\n"), "{said}");
    let total = status["result"]["total"].as_object().expect("it is one");
    let shown = |(name, value): (&String, &Value)| {
        !value.is_number()
            || said.lines().any(|line| line.split_whitespace().eq([name.as_str(), &value.to_string()]))
    };
    assert!(total.iter().all(shown), "{said}\n{status}");
}
