//! Parameters that the CronJob of a file declares.

use serde_json::{Value, json};
use trigger_core::executor::Executor;
use trigger_core::request::RunRequest;
use trigger_core::start::StartError;
use trigger_local::LocalConfig;

use super::test_env::{self, TestEnv, config, container, cronjob, request, store};

/// A CronJob that prints its variable `DAY`, which a request may set.
fn manifest(folder: &tempfile::TempDir) -> Value {
    let mut manifest = cronjob(folder, "echo \"day $DAY\"");
    manifest["metadata"]["annotations"] = json!({ "parameters.tradeops.dev/DAY": "{\"maxLength\": 20}" });
    container(&mut manifest)["env"] = json!([{ "name": "DAY", "value": "today" }]);
    manifest
}

fn with(values: Value) -> RunRequest {
    RunRequest { parameters: serde_json::from_value(values).expect("an object"), ..request() }
}

#[tokio::test]
async fn a_run_has_the_requested_value_and_a_run_without_one_has_that_of_the_template() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &manifest(&folder)).await;
    for (values, expected) in [
        (json!({}), "day today\n"),
        (json!({ "DAY": "2026-02-10" }), "day 2026-02-10\n"),
        (json!({ "DAY": "$(PATH) $" }), "day $(PATH) $\n"),
    ] {
        let run = env.request(&with(values.clone())).await.unwrap().run;
        let run = env.wait_for_end(&run).await;
        assert_eq!(env.log(&run.id).await, expected);
        assert_eq!(Value::Object(run.parameters), values);
    }
}

#[tokio::test]
async fn a_requested_value_takes_precedence_over_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    test_env::write(&folder, &manifest(&folder));
    let of_settings = [("DAY".to_owned(), "of the settings".into())].into();
    let settings = LocalConfig { env: of_settings, ..config(folder.path()) };
    let env = TestEnv::start(settings, store(folder.path()).await).await;
    for (values, expected) in
        [(json!({}), "day of the settings\n"), (json!({ "DAY": "asked" }), "day asked\n")]
    {
        let run = env.request(&with(values)).await.unwrap().run;
        assert_eq!(env.log(&env.wait_for_end(&run).await.id).await, expected);
    }
}

#[tokio::test]
async fn a_value_that_is_not_accepted_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let env = TestEnv::new(&folder, &manifest(&folder)).await;
    for (values, expected) in [
        (json!({ "DAY": "a day that is too long" }), "DAY must have at most 20 characters"),
        (json!({ "PATH": "/tmp" }), "the CronJob does not declare \"PATH\"; its parameters are DAY"),
    ] {
        match env.request(&with(values)).await {
            Err(StartError::BadParameters(problem)) => assert_eq!(problem, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(env.executor.observed_ids().is_empty());
}
