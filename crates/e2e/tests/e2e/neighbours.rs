//! Two releases on one cluster.

use reqwest::{Method, StatusCode};

use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let (first, second) = (world.first(), world.second());
    let (one, two) = (first.api(world), second.api(world));
    // Each has its credentials, and knows none of the other's.
    let foreign = one.request_with(two.token(), Method::GET, "/v1/runs");
    let (status, text) = one.answer(foreign);
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{text}");
    for (api, release) in [(&one, first), (&two, second)] {
        let target = &api.get("/v1/targets/trades-sync-midday");
        assert_eq!(target["namespace"], release.namespace.as_str(), "{target}");
    }
    // A run of the one is none of the other's.
    let run = one.run("trades-sync-postmarket");
    assert_eq!(run["state"], "succeeded", "{run}");
    let path = format!("/v1/runs/{}", run["run_id"].as_str().expect("a run has an id"));
    let (status, text) = two.answer(two.request(Method::GET, &path));
    assert_eq!(status, StatusCode::NOT_FOUND, "{text}");
    // And of what the cluster has only once, each has its own.
    let policies = world.cluster().kubectl(&["get", "validatingadmissionpolicies", "--output=name"]);
    for release in [first, second] {
        assert!(
            policies.contains(&format!("trigger-api-targets-only.{}\n", release.namespace)),
            "{policies}"
        );
    }
}
