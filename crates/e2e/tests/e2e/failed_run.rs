//! A run that fails because its database URL is invalid.

use crate::test_env::TestEnv;

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = env.second();
    let api = release.api();
    let run = api.run("trades-sync-midday");
    assert_eq!((&run["state"], &run["cause"]["exit_code"]), (&"failed".into(), &2.into()), "{run}");
    assert_eq!(run["cause"]["reason"], "ExitCode", "{run}");
    let id = run["run_id"].as_str().expect("a run has an id");
    let log = api.text(&format!("/v1/runs/{id}/logs"));
    assert!(log.contains("DATABASE_URL"), "{log}");

    // The operator's command shows the same, and its exit code reports the failure.
    let output = release.script("tradeops.sh", &["logs", "-f", id]);
    assert!(
        !output.succeeded && output.stdout.contains("DATABASE_URL") && output.stderr.contains(": failed: "),
        "{output:?}"
    );
}
