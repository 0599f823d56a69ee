//! The table of roles, routes and kinds of targets.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

use super::{ADMIN_SECRET, CRONJOB, INTERNAL_TOKEN, READ_TOKEN, TASK, start};
use crate::authentication::tokens::{hs256, in_an_hour};
use crate::support::{TriggerApi, answer};

const JWT_SECRET: &str = "a-secret-of-more-than-thirty-two-bytes-8d20";
const CREDENTIALS: [(&str, &str); 6] = [
    ("READ_TOKEN", READ_TOKEN),
    ("INTERNAL_TOKEN", INTERNAL_TOKEN),
    ("ADMIN_SECRET", ADMIN_SECRET),
    ("JWT_SECRET", JWT_SECRET),
    ("JWT_OPERATOR_CLAIM", "role=trader"),
    ("JWT_READER_CLAIM", "role=viewer"),
];

/// What a route does, for the rule of access.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Does {
    /// View a target or a run.
    View,
    /// Start or cancel a run of the CronJob.
    ChangeJob,
    /// Start or cancel a run of the task, or read its result.
    UseTask,
}

/// A run of each kind, and a request for each route and kind of target.
struct Routes {
    job: String,
    analysis: String,
}

impl Routes {
    async fn start(api: &TriggerApi, authenticate: impl Fn(RequestBuilder) -> RequestBuilder) -> Self {
        let id = async |target: &str| {
            let (_, run) = answer(authenticate(api.post(&format!("/v1/targets/{target}/runs")))).await;
            run["run_id"].as_str().unwrap_or("none").to_owned()
        };
        Self { job: id(CRONJOB).await, analysis: id(TASK).await }
    }

    fn all(&self) -> Vec<(Does, Method, String)> {
        let (get, post, delete) = (&Method::GET, &Method::POST, &Method::DELETE);
        let mut all = Vec::new();
        let mut add = |does: Does, method: &Method, path: String| all.push((does, method.clone(), path));
        for path in ["/v1/targets", "/v1/runs", "/v1/events", "/v1/whoami"] {
            add(Does::View, get, path.to_owned());
        }
        for (target, run) in [(CRONJOB, &self.job), (TASK, &self.analysis)] {
            for path in ["", "/preview"] {
                add(Does::View, get, format!("/v1/targets/{target}{path}"));
            }
            for path in ["", "/logs", "/logs?follow=true", "/events"] {
                add(Does::View, get, format!("/v1/runs/{run}{path}"));
            }
        }
        // A run of a CronJob has no result: 404 for every caller.
        add(Does::View, get, format!("/v1/runs/{}/result", self.job));
        add(Does::UseTask, get, format!("/v1/runs/{}/result", self.analysis));
        add(Does::UseTask, get, format!("/api/admin/portfolio/analysis-status/{}", self.analysis));
        add(Does::UseTask, get, "/api/admin/health".to_owned());
        for path in ["/trigger-sync", "/go", &format!("/v1/targets/{CRONJOB}/runs")] {
            add(Does::ChangeJob, post, path.to_owned());
        }
        let of_task = format!("/v1/targets/{TASK}/runs");
        for path in ["/api/admin/portfolio/trigger-analysis", "/analyse", &of_task] {
            add(Does::UseTask, post, path.to_owned());
        }
        add(Does::View, post, format!("/v1/targets/{CRONJOB}/preview"));
        add(Does::ChangeJob, post, format!("/v1/runs/{}/retry", self.job));
        add(Does::UseTask, post, format!("/v1/runs/{}/retry", self.analysis));
        add(Does::ChangeJob, delete, format!("/v1/runs/{}", self.job));
        add(Does::UseTask, delete, format!("/v1/runs/{}", self.analysis));
        all
    }
}

/// Asserts that the caller may use exactly the routes that do one of these, and that `/v1/whoami` reports the same.
async fn assert_table(
    api: &TriggerApi,
    routes: &Routes,
    caller: &str,
    allowed: &[Does],
    denied: StatusCode,
    authenticate: impl Fn(RequestBuilder) -> RequestBuilder,
) {
    for (does, method, path) in routes.all() {
        let request = authenticate(api.client.request(method.clone(), format!("{}{path}", api.url)));
        let status = request.send().await.expect("a response").status();
        if allowed.contains(&does) {
            let is_denied = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
            assert!(!is_denied && !status.is_server_error(), "{caller}: {method} {path}: {status}");
        } else {
            assert_eq!(status, denied, "{caller}: {method} {path}");
        }
    }
    let (_, whoami) = answer(authenticate(api.get("/v1/whoami"))).await;
    for target in whoami["targets"].as_array().expect("a list") {
        let change = if target["kind"] == "task" { Does::UseTask } else { Does::ChangeJob };
        let result = if target["kind"] == "task" { Does::UseTask } else { Does::View };
        for (action, does) in
            [("view", Does::View), ("start", change), ("cancel", change), ("read_result", result)]
        {
            let permission = &target["actions"][action];
            let expected = allowed.contains(&does);
            assert_eq!(permission["allowed"], expected, "{caller}: {action} of {target}");
            assert_eq!(permission["reason"].is_string(), !expected, "{caller}: {action} of {target}");
        }
    }
    assert_eq!(whoami["targets"].as_array().map(Vec::len), Some(2), "{whoami}");
}

fn token(role: &str) -> String {
    let mut claims = in_an_hour("alice");
    claims["role"] = Value::from(role);
    hs256(JWT_SECRET, &claims)
}

#[tokio::test]
async fn each_role_may_use_its_routes_and_no_other_with_every_kind_of_credential() {
    use Does::{ChangeJob, UseTask, View};
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &CREDENTIALS);
    let routes = Routes::start(&api, |request| request.header("x-admin-secret", ADMIN_SECRET)).await;
    let secrets: [(&'static str, &str, &str, &[Does]); 3] = [
        ("x-read-token", READ_TOKEN, "reader", &[View]),
        ("x-internal-token", INTERNAL_TOKEN, "operator", &[View, ChangeJob]),
        ("x-admin-secret", ADMIN_SECRET, "admin", &[View, ChangeJob, UseTask]),
    ];
    for (header, value, role, allowed) in secrets {
        let authenticate = |request: RequestBuilder| request.header(header, value);
        assert_table(&api, &routes, header, allowed, StatusCode::FORBIDDEN, authenticate).await;
        let (_, whoami) = answer(authenticate(api.get("/v1/whoami"))).await;
        assert_eq!((&whoami["role"], &whoami["on_behalf_of"]), (&role.into(), &Value::Null));
        assert_eq!(whoami["name"].as_str().unwrap(), header.trim_start_matches("x-"));
    }
    for (claim, allowed) in
        [("viewer", &[View][..]), ("trader", &[View, ChangeJob]), ("admin", &[View, ChangeJob, UseTask])]
    {
        let token = token(claim);
        let authenticate = |request: RequestBuilder| request.bearer_auth(&token);
        assert_table(&api, &routes, claim, allowed, StatusCode::FORBIDDEN, authenticate).await;
    }
    // Of several credentials, the valid one with the most rights applies.
    let several = |request: RequestBuilder| {
        request
            .header("x-read-token", READ_TOKEN)
            .header("x-internal-token", INTERNAL_TOKEN)
            .bearer_auth("wrong")
    };
    assert_table(&api, &routes, "several", &[View, ChangeJob], StatusCode::FORBIDDEN, several).await;
}

#[tokio::test]
async fn a_caller_without_a_role_or_a_credential_may_use_no_route() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &CREDENTIALS);
    let routes = Routes::start(&api, |request| request.header("x-admin-secret", ADMIN_SECRET)).await;
    let other = token("other");
    for (_, method, path) in routes.all() {
        let request = || api.client.request(method.clone(), format!("{}{path}", api.url));
        for (request, expected) in [
            (request(), StatusCode::UNAUTHORIZED),
            (request().header("x-read-token", ""), StatusCode::UNAUTHORIZED),
            (request().bearer_auth(&other), StatusCode::FORBIDDEN),
        ] {
            assert_eq!(request.send().await.unwrap().status(), expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn open_access_is_that_of_an_operator() {
    let folder = TempDir::new().unwrap();
    let api = start(&folder, &[]);
    let routes = Routes::start(&api, |request| request).await;
    let allowed = [Does::View, Does::ChangeJob];
    // There is no run of the task, so requests about it are not found.
    let routes = Routes { analysis: routes.job.clone(), ..routes };
    let (_, whoami) = answer(api.get("/v1/whoami")).await;
    assert_eq!((&whoami["name"], &whoami["role"]), (&"anonymous".into(), &Value::Null));
    for (does, method, path) in routes.all() {
        let is_of_task = path.contains("/api/admin/") || path.contains(TASK) || path == "/analyse";
        if is_of_task || does != Does::UseTask {
            let status = api.client.request(method.clone(), format!("{}{path}", api.url)).send().await;
            let status = status.expect("a response").status();
            let expected = !allowed.contains(&does);
            assert_eq!(status == StatusCode::UNAUTHORIZED, expected, "{method} {path}: {status}");
        }
    }
}
