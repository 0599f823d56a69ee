//! Two releases on one cluster.

use reqwest::{Method, StatusCode};

use crate::release::Api;
use crate::test_env::TestEnv;

pub(crate) fn scenario(env: &'static TestEnv) {
    let (first, second) = (env.first(), env.second());
    let (first_api, second_api) = (first.api(), second.api());
    // Each release has its own credentials, which the other one rejects.
    let foreign = first_api.request_with(second_api.token(), Method::GET, "/v1/runs");
    let (status, text) = Api::response(foreign);
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{text}");
    for (api, release) in [(&first_api, first), (&second_api, second)] {
        let target = &api.get("/v1/targets/trades-sync-midday");
        assert_eq!(target["namespace"], release.namespace.as_str(), "{target}");
    }
    // A run of one release does not exist in the other one.
    let run = first_api.run("trades-sync-postmarket");
    assert_eq!(run["state"], "succeeded", "{run}");
    let path = format!("/v1/runs/{}", run["run_id"].as_str().expect("a run has an id"));
    let (status, text) = Api::response(second_api.request(Method::GET, &path));
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    // Each release has its own cluster-wide objects.
    let policies = env.environment.cluster.kubectl(&["get", "validatingadmissionpolicies", "--output=name"]);
    for release in [first, second] {
        assert!(
            policies.contains(&format!("trigger-api-targets-only.{}\n", release.namespace)),
            "{policies}"
        );
    }
}
