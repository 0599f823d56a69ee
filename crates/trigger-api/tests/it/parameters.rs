//! Parameters of CronJobs and of tasks, on a real API server.

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use testkit::postgres::Server;

use crate::support::{TriggerApi, answer, cronjobs, jobs, namespace, objects, problem};

const TARGET: &str = "parameters";
const RUNS: &str = "/v1/targets/parameters/runs";

fn with(request: RequestBuilder, parameters: &Value) -> RequestBuilder {
    request.json(&json!({ "parameters": parameters }))
}

/// The value of a variable of a Job: `list` is `containers` or `initContainers`.
fn variable<'a>(job: &'a Value, list: &str, container: &str, name: &str) -> &'a Value {
    let named = |list: &'a Value, name: &str| {
        let found = list.as_array().and_then(|list| list.iter().find(|item| item["name"] == name));
        found.unwrap_or_else(|| panic!("there is no {name} in {list}"))
    };
    &named(&named(&job["spec"]["template"]["spec"][list], container)["env"], name)["value"]
}

#[tokio::test]
async fn a_run_has_the_requested_values_in_its_job_and_in_its_history() {
    let namespace = namespace("parameters").await;
    cronjobs::apply(&namespace);
    let file = format!("sqlite:{}", namespace.folder().join("parameters.sqlite").display());
    let values = json!({ "SYNC_DATE": "2026-02-10", "PAIR": "ETH/USD", "WARM_UP": "yes" });
    for database in [file, Server::shared().database().await.url] {
        let history = [("DATABASE_URL", database.as_str())];
        let mut api = cronjobs::start(&namespace, &[TARGET.to_owned()], &history).await;
        let (status, run) = answer(with(api.post(RUNS), &values)).await;
        assert_eq!((status, &run["parameters"]), (StatusCode::ACCEPTED, &values), "{run}");
        let job = objects::get(&namespace, &format!("jobs/{}", run["job_name"].as_str().unwrap())).await;
        assert_eq!(*variable(&job, "containers", "trader", "SYNC_DATE"), "2026-02-10");
        assert_eq!(*variable(&job, "containers", "trader", "PAIR"), "ETH/USD");
        assert_eq!(*variable(&job, "initContainers", "prepare", "WARM_UP"), "yes");
        assert_eq!(*variable(&job, "initContainers", "prepare", "PAIR"), "XBT/EUR");
        assert_eq!(*variable(&job, "containers", "second", "PAIR"), "ETH/EUR");
        let id = run["run_id"].as_str().unwrap().to_owned();

        // The history keeps them when the Job is gone.
        jobs::finish(&namespace, run["job_name"].as_str().unwrap()).await;
        api.wait_for_end(&id).await;
        let name = run["job_name"].as_str().unwrap();
        namespace.kubectl(&["delete", "job", name, "--wait=true"]);
        api.stop();
        let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &history).await;
        assert_eq!(api.run(&id).await["parameters"], values);

        // A retry has them too, or others in their place.
        let (_, again) = answer(api.post(&format!("/v1/runs/{id}/retry"))).await;
        assert_eq!((&again["parameters"], &again["retry_of"]), (&values, &json!(id)), "{again}");
        let job = objects::get(&namespace, &format!("jobs/{}", again["job_name"].as_str().unwrap())).await;
        assert_eq!(*variable(&job, "containers", "trader", "SYNC_DATE"), "2026-02-10");
        let others = json!({ "SYNC_DATE": "2026-02-11" });
        let (_, again) = answer(with(api.post(&format!("/v1/runs/{id}/retry")), &others)).await;
        assert_eq!((&again["parameters"], &again["retry_of"]), (&others, &json!(id)), "{again}");
    }
}

#[tokio::test]
async fn a_new_history_reads_the_values_from_the_job() {
    let namespace = namespace("parameters-job").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let values = json!({ "SYNC_DATE": "2026-02-10" });
    let (_, run) = answer(with(api.post("/trigger-sync"), &values)).await;
    let (_, plain) = answer(api.post("/trigger-sync")).await;
    drop(api);
    let new = format!("sqlite:{}", namespace.folder().join("new.sqlite").display());
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[("DATABASE_URL", &new)]).await;
    assert_eq!(api.run(run["run_id"].as_str().unwrap()).await["parameters"], values);
    assert_eq!(api.run(plain["run_id"].as_str().unwrap()).await["parameters"], json!({}));
}

#[tokio::test]
async fn the_values_belong_to_the_request_that_a_key_identifies() {
    let namespace = namespace("parameters-key").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let keyed = |values: &Value| with(api.post(RUNS).header("Idempotency-Key", "day"), values);
    let first = json!({ "SYNC_DATE": "2026-02-10", "WARM_UP": "yes" });
    let (_, run) = answer(keyed(&first)).await;
    let (status, again) = answer(keyed(&json!({ "WARM_UP": "yes", "SYNC_DATE": "2026-02-10" }))).await;
    assert_eq!((status, &again["run_id"]), (StatusCode::ACCEPTED, &run["run_id"]));
    for other in [json!({ "SYNC_DATE": "2026-02-11", "WARM_UP": "yes" }), json!({})] {
        let reused = problem(keyed(&other), 422, "key-reused").await;
        assert_eq!(reused["run"]["run_id"], run["run_id"]);
    }
    assert_eq!(jobs::names(&namespace).await.len(), 1);
}

#[tokio::test]
async fn values_that_the_cronjob_does_not_accept_start_nothing() {
    let namespace = namespace("parameters-bad").await;
    cronjobs::apply(&namespace);
    // Replace must not cancel the active run for a request that is then rejected.
    objects::patch(&namespace, "cronjobs/parameters", &json!({ "spec": { "concurrencyPolicy": "Replace" } }))
        .await;
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let (_, active) = answer(api.post(RUNS)).await;
    for (values, detail) in [
        (json!({ "SYNC_DATE": "10.02.2026" }), "SYNC_DATE must be a day that exists"),
        (json!({ "SYNC_DATE": 20_260_210 }), "SYNC_DATE must be a string"),
        (json!({ "PAIR": "doge" }), "PAIR must match ^[A-Z]{3}/[A-Z]{3}$"),
        (json!({ "WARM_UP": "maybe" }), "WARM_UP must be one of yes, no"),
        (json!({ "FIXED": "2" }), "does not declare \"FIXED\"; its parameters are PAIR, SYNC_DATE, WARM_UP"),
        (json!({ "TOKEN": "x" }), "TOKEN can't be set"),
        (json!({ "TWICE": "x" }), "TWICE can't be set"),
        (json!({ "MODE": "x" }), "MODE can't be set"),
        (json!({ "BROKEN": "x" }), "BROKEN can't be set"),
    ] {
        for path in [RUNS, "/trigger-sync"] {
            let rejected = problem(with(api.post(path), &values), 422, "bad-parameters").await;
            assert!(rejected["detail"].as_str().unwrap().contains(detail), "{rejected}");
        }
        let (status, preview) = answer(with(api.post("/v1/targets/parameters/preview"), &values)).await;
        assert_eq!(
            (status, &preview["allowed"], &preview["job"]),
            (StatusCode::OK, &json!(false), &Value::Null)
        );
        assert!(preview["problem"]["detail"].as_str().unwrap().contains(detail), "{preview}");
    }
    let twice = r#"{"parameters": {"WARM_UP": "yes", "WARM_UP": "no"}}"#;
    let request = api.post(RUNS).header("content-type", "application/json").body(twice);
    assert!(problem(request, 400, "bad-request").await["detail"].as_str().unwrap().contains("WARM_UP"));
    assert_eq!(jobs::names(&namespace).await, [active["job_name"].as_str().unwrap()]);
}

#[tokio::test]
async fn under_replace_requests_at_the_same_moment_get_runs_with_their_own_values() {
    let namespace = namespace("parameters-replace").await;
    cronjobs::apply(&namespace);
    let replace = json!({ "spec": { "concurrencyPolicy": "Replace" } });
    objects::patch(&namespace, "cronjobs/parameters", &replace).await;
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let requests = (1..=8).map(|day| {
        let values = json!({ "SYNC_DATE": format!("2026-02-{day:02}") });
        let answered = answer(with(api.post(RUNS), &values));
        async move {
            let (status, run) = answered.await;
            (status, run, values)
        }
    });
    let answers = join_all(requests).await;
    for (status, run, values) in &answers {
        match status.as_u16() {
            503 => assert!(run["type"].as_str().unwrap().ends_with("/contended"), "{run}"),
            _ => assert_eq!(&run["parameters"], values, "{run}"),
        }
    }
    assert!(answers.iter().any(|(status, ..)| status.is_success()), "{answers:?}");
}

#[tokio::test]
async fn a_target_has_the_schema_of_its_parameters_and_names_the_declarations_that_can_not_be_used() {
    let namespace = namespace("parameters-schema").await;
    cronjobs::apply(&namespace);
    let names = [TARGET.to_owned(), "kraken-trading-job".to_owned()];
    let api = cronjobs::start(&namespace, &names, &[]).await;
    let (_, target) = answer(api.get("/v1/targets/parameters")).await;
    let expected = json!({
        "type": "object",
        "properties": {
            "PAIR": {
                "type": "string", "description": "not \"container\": \"prepare\"", "pattern": "^[A-Z]{3}/[A-Z]{3}$",
                "maxLength": 4096, "default": "XBT/USD",
            },
            "SYNC_DATE": { "type": "string", "title": "Day", "format": "date", "maxLength": 4096 },
            "WARM_UP": { "type": "string", "enum": ["yes", "no"], "maxLength": 4096, "default": "no" },
        },
        "required": [],
        "additionalProperties": false,
    });
    assert_eq!(target["parameters"], expected, "{target}");
    let invalid: Vec<&str> = target["invalid_parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(invalid, ["BROKEN", "MODE", "TOKEN", "TWICE"], "{target}");
    let (_, other) = answer(api.get("/v1/targets/kraken-trading-job")).await;
    assert_eq!((&other["parameters"]["properties"], other.get("invalid_parameters")), (&json!({}), None));
    let (_, list) = answer(api.get("/v1/targets")).await;
    assert_eq!(list["targets"][1]["parameters"], expected, "{list}");
}

#[tokio::test]
async fn a_parameter_is_required_if_its_declaration_says_so_and_an_edit_takes_effect_at_once() {
    let namespace = namespace("parameters-edit").await;
    cronjobs::apply(&namespace);
    let api = cronjobs::start(&namespace, &[TARGET.to_owned()], &[]).await;
    let declare = async |schema: Value| {
        let annotations = json!({ "parameters.tradeops.dev/SYNC_DATE": schema });
        objects::patch(
            &namespace,
            "cronjobs/parameters",
            &json!({ "metadata": { "annotations": annotations } }),
        )
        .await;
    };
    declare(json!("{\"required\": true, \"pattern\": \"^2026\"}")).await;
    let missing = problem(api.post(RUNS), 422, "bad-parameters").await;
    assert!(missing["detail"].as_str().unwrap().contains("SYNC_DATE is required"), "{missing}");
    start(&api, &json!({ "SYNC_DATE": "2026-02-30" })).await;
    declare(json!("{}")).await;
    start(&api, &json!({})).await;
    declare(Value::Null).await;
    let removed =
        problem(with(api.post(RUNS), &json!({ "SYNC_DATE": "2026-02-10" })), 422, "bad-parameters").await;
    assert!(removed["detail"].as_str().unwrap().contains("does not declare"), "{removed}");
}

async fn start(api: &TriggerApi, values: &Value) {
    let (status, run) = answer(with(api.post(RUNS), values)).await;
    assert_eq!((status, &run["parameters"]), (StatusCode::ACCEPTED, values), "{run}");
}
