//! Routes, pages and request ids.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{TriggerApi, answer, cronjob, namespace, problem};

#[tokio::test]
async fn unknown_routes_and_methods_are_answered_with_problems() {
    let namespace = namespace("routes").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    problem(api.get("/"), 404, "unknown-route").await;
    problem(api.post("/v2/targets"), 404, "unknown-route").await;
    problem(api.get("/v1/targets/none"), 404, "unknown-target").await;
    problem(api.get("/v1/targets/No!"), 400, "bad-request").await;
    for (request, allow) in [
        (api.get("/trigger-sync"), "POST"),
        (api.post("/v1/runs"), "GET,HEAD"),
        (api.post("/v1/runs/one"), "GET,HEAD,DELETE"),
    ] {
        let again = request.try_clone().unwrap();
        problem(request, 405, "method-not-allowed").await;
        let response = again.send().await.unwrap();
        let methods =
            |text: &str| text.split(',').map(|method| method.trim().to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(methods(response.headers()["allow"].to_str().unwrap()), methods(allow));
    }
}

#[tokio::test]
async fn the_pages_of_runs_have_each_run_once_and_the_newest_first() {
    let namespace = namespace("pages").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let mut started = BTreeSet::new();
    for _ in 0..5 {
        started.insert(api.trigger().await["run_id"].as_str().unwrap().to_owned());
    }
    let (mut path, mut seen, mut sizes) =
        ("/v1/runs?limit=2&state=pending".to_owned(), Vec::new(), Vec::new());
    loop {
        let response = api.get(&path).send().await.unwrap();
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Value = response.json().await.unwrap();
        let runs = page["runs"].as_array().unwrap();
        sizes.push(runs.len());
        seen.extend(
            runs.iter()
                .map(|run| (run["created_at"].to_string(), run["run_id"].as_str().unwrap().to_owned())),
        );
        let Some(link) = link else {
            assert!(page["next"].is_null(), "{page}");
            break;
        };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.contains(page["next"].as_str().unwrap()), "{path}");
    }
    assert_eq!(sizes, [2, 2, 1]);
    assert!(seen.is_sorted_by(|a, b| a.0 >= b.0), "{seen:?}");
    assert_eq!(seen.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), started);
    for query in ["limit=0", "limit=501", "limit=many", "cursor=xyz", "cursor=00", "state=odd", "target=No!"]
    {
        problem(api.get(&format!("/v1/runs?{query}")), 400, "bad-request").await;
    }
}

#[tokio::test]
async fn every_response_has_the_id_of_the_request_and_an_invalid_id_is_replaced() {
    let namespace = namespace("ids").await;
    namespace.apply(&cronjob("", ""));
    let api = TriggerApi::start(&namespace, &[]).await;
    let id = |response: &reqwest::Response| response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let response = api.get("/v1/runs").header("X-Request-Id", "click-1").send().await.unwrap();
    assert_eq!(id(&response), "click-1");
    let (long, generated) = ("x".repeat(129), api.get("/v1/runs").send().await.unwrap());
    assert!(
        id(&generated).len() == 32 && id(&generated).bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{}",
        id(&generated)
    );
    for hostile in [long.as_bytes(), b"", b"two words", b"\xff\xfe", b"\"quote\" \\"] {
        let response = api.get("/none").header("X-Request-Id", hostile).send().await.unwrap();
        let replaced = id(&response);
        assert!(replaced.len() == 32 && replaced.as_bytes() != hostile, "{replaced}");
        assert_eq!(response.json::<Value>().await.unwrap()["request_id"], replaced);
    }
    let (_, started) = answer(api.post("/trigger-sync").header("X-Request-Id", "click-2")).await;
    let annotation = "jsonpath={.metadata.annotations.tradeops\\.dev/request-id}";
    let job = started["job_name"].as_str().unwrap();
    assert_eq!(namespace.kubectl(&["get", "job", job, "--output", annotation]), "click-2");
}
