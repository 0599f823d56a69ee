//! The settings of the charts are those of the programs.

use std::collections::BTreeSet;

use common::config::{Variable, VariableKind};
use serde_json::Value;

use crate::sources::{assert_none, read, root};

/// Plain variables that are not settings of a chart, with the reason.
const NOT_SETTINGS: [(&str, &str); 24] = [
    ("HOSTNAME", "Kubernetes sets it to the name of the pod"),
    ("MEMORY_LIMIT", "the container's limit is read from its control group"),
    ("CRONJOB_NAME", "set from triggerApi.defaultTarget"),
    ("DEFAULT_TARGET", "set from triggerApi.defaultTarget"),
    ("TARGET_NAMESPACE", "always the release's namespace, which has the Role"),
    ("CHECK_ADMISSION_POLICY", "set from triggerApi.admissionPolicies.enabled"),
    ("EXECUTOR", "always kubernetes"),
    ("JWKS_FILE", "use JWKS_URL, or a Secret with JWT_SECRET"),
    ("API_PORT", "use LISTEN_ADDR"),
    ("API_CONTAINER_PORT", "the chart sets API_PORT"),
    ("DEFAULT_NATS_HOST", "the chart sets NATS_URL"),
    ("NATS_CLIENT_PORT", "the chart sets NATS_URL"),
    ("NATS_JS_DOMAIN", "set from nats.jetstream.domain"),
    ("NATS_KV_BUCKET", "set from monitorApi.kvBucket"),
    ("NATS_USER", "set from nats.clients"),
    ("NATS_CREDS_FILE", "set from nats.clients"),
    ("NATS_CA_FILE", "set from nats.tls.clients"),
    ("TOKEN_REVIEW_AUDIENCE", "only trigger-api calls the API server"),
    ("TOKEN_REVIEW_ADMINS", "only trigger-api calls the API server"),
    ("TOKEN_REVIEW_ALLOWED", "only trigger-api calls the API server"),
    ("TOKEN_REVIEW_READERS", "only trigger-api calls the API server"),
    ("SYNC_DATE", "a parameter of the CronJobs; their schedules ship today"),
    ("SQLITE_PATH", "the file would be deleted with the pod"),
    ("TERMINATION_MESSAGE_PATH", "the default is the kubelet's path"),
];

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().expect("an object of the schema").keys().cloned().collect()
}

/// A program, and the section of a chart that has its settings.
struct ChartSection {
    chart: &'static str,
    section: &'static str,
    variables: &'static [Variable],
}

fn sections() -> [ChartSection; 3] {
    [
        ChartSection { chart: "tradeops", section: "triggerApi", variables: &trigger_api::config::VARIABLES },
        ChartSection { chart: "tradeops", section: "tradesSync", variables: &trades_sync::config::VARIABLES },
        ChartSection {
            chart: "aegis-trader",
            section: "monitorApi",
            variables: &monitor_api::config::VARIABLES,
        },
    ]
}

#[test]
fn the_charts_have_each_plain_setting_and_no_secret() {
    let mut problems = Vec::new();
    for ChartSection { chart, section, variables } in sections() {
        let schema = read(&root().join(format!("deploy/charts/{chart}/values.schema.json")));
        let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
        let properties = &schema["properties"];
        let shared = properties.get("tradingDay").map(|day| names(&day["properties"])).unwrap_or_default();
        let own = names(&properties[section]["properties"]["settings"]["properties"]);
        for Variable { name, kind, .. } in variables {
            let is_setting = own.contains(*name) || shared.contains(*name);
            let is_excluded = NOT_SETTINGS.iter().any(|(excluded, _)| excluded == name);
            match kind {
                VariableKind::Plain if !is_setting && !is_excluded => {
                    problems.push(format!("{chart}: {section}.settings lacks {name}"));
                }
                VariableKind::Secret if is_setting => {
                    problems.push(format!("{chart}: {section}.settings has {name}, which is a secret"));
                }
                _ => {}
            }
        }
    }
    assert_none("the charts have the settings of the programs", &problems);
}
