//! The registry of services: an instance that is registered from a pod, and a restart of NATS.

use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::http::client_builder;
use crate::release::{PortForward, Release};
use crate::test_env::TestEnv;
use crate::wait::{PATIENCE, wait};

const BUCKET: &str = "service_registry";
const KEY: &str = "service-instances__orders__orders-1";
/// How soon monitor-api shows a change.
const DELAY: Duration = Duration::from_secs(1);

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = Release::aegis_trader(&env.environment);
    release.deploy(&[]).expect_success();
    let api = MonitorApi::connect(&release);
    assert_eq!(api.get("/api/instances").shown(), (StatusCode::OK, "live", json!([])));
    let definition = json!({"service_name": "orders", "owner": "desk", "description": "Routes orders", "version": "1.0.0"});
    assert_eq!(api.post("/api/services", &definition).status, StatusCode::CREATED);

    let instance = json!({
        "serviceName": "orders", "instanceId": "orders-1", "version": "1.0.0", "status": "ACTIVE",
        "lastHeartbeat": Timestamp::now().to_string(), "stickyActiveGroup": null, "metadata": {},
    });
    release.nats(&["kv", "put", BUCKET, KEY, &instance.to_string()]);
    let shown = api.wait_for("the instance appears", DELAY, |answer| answer.names() == ["orders-1"]);
    assert_eq!(shown.state, "live");

    restart_nats(&release, &api);
    let definitions = api.get("/api/services").body;
    assert_eq!(definitions[0]["service_name"], "orders", "{definitions}");
    release.nats(&["kv", "del", "--force", BUCKET, KEY]);
    api.wait_for("the instance is removed", DELAY, |answer| answer.names().is_empty());

    drop(api);
    release.script("deploy.sh", &["undeploy"]).expect_success();
    let claims = release.kubectl(&["get", "persistentvolumeclaims", "--output=name"]);
    assert_eq!(claims.trim(), "persistentvolumeclaim/aegis-trader-nats-js-aegis-trader-nats-0");
}

/// Deletes the only server of NATS. monitor-api shows the last known state until the next one has the data of the volume.
fn restart_nats(release: &Release, api: &MonitorApi) {
    release.kubectl(&["delete", "pod", "aegis-trader-nats-0", "--wait=false"]);
    let stale = api.wait_for("the outage is reported", PATIENCE, |answer| answer.state == "stale");
    assert_eq!((stale.status, stale.names()), (StatusCode::OK, vec!["orders-1"]), "{}", stale.body);
    assert_eq!(api.get("/ready").status, StatusCode::SERVICE_UNAVAILABLE);
    let live = api.wait_for("the registry is live again", PATIENCE, |answer| answer.state == "live");
    assert_eq!(live.names(), ["orders-1"], "{}", live.body);
    assert_eq!(api.get("/ready").status, StatusCode::OK);
}

/// A connection to the release's monitor-api.
struct MonitorApi {
    client: reqwest::Client,
    forward: PortForward,
}

/// A response of monitor-api.
struct Answer {
    status: StatusCode,
    /// The header `tradeops-state`.
    state: String,
    body: Value,
}

impl MonitorApi {
    fn connect(release: &Release) -> Self {
        let forward = release.forward("aegis-trader-monitor-api", 8100);
        Self { client: client_builder().build().expect("a client"), forward }
    }

    fn get(&self, path: &str) -> Answer {
        Answer::of(self.client.get(self.forward.url(path)))
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.client.post(self.forward.url(path)).json(body))
    }

    /// Requests the instances until the condition is fulfilled.
    fn wait_for(&self, what: &str, limit: Duration, condition: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.get("/api/instances");
            if condition(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "not within {limit:?}: {what}; {:?}", answer.shown());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Answer {
    fn of(request: RequestBuilder) -> Self {
        wait(async {
            let response = request.send().await.expect("monitor-api responds");
            let state = response.headers().get("tradeops-state").and_then(|state| state.to_str().ok());
            let state = state.unwrap_or_default().to_owned();
            Self { status: response.status(), state, body: response.json().await.expect("JSON") }
        })
    }

    fn shown(&self) -> (StatusCode, &str, Value) {
        (self.status, &self.state, self.body.clone())
    }

    /// The ids of the instances.
    fn names(&self) -> Vec<&str> {
        let instances = self.body.as_array().map(Vec::as_slice).unwrap_or_default();
        instances.iter().filter_map(|instance| instance["instanceId"].as_str()).collect()
    }
}
