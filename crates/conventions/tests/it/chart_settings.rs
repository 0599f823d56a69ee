//! The settings of the chart are those of the programs.

use std::collections::BTreeSet;

use common::config::{Variable, VariableKind};
use serde_json::Value;

use crate::sources::{assert_none, read, root};

/// Plain variables that are not settings of the chart, with the reason.
const NOT_SETTINGS: [(&str, &str); 8] = [
    ("LISTEN_ADDR", "the port is fixed in the Service and the probes"),
    ("CRONJOB_NAME", "set from triggerApi.defaultTarget"),
    ("DEFAULT_TARGET", "set from triggerApi.defaultTarget"),
    ("TARGET_NAMESPACE", "always the release's namespace, which has the Role"),
    ("EXECUTOR", "always kubernetes"),
    ("JWKS_FILE", "use JWKS_URL, or a Secret with JWT_SECRET"),
    ("SQLITE_PATH", "the file would be deleted with the pod"),
    ("TERMINATION_MESSAGE_PATH", "the default is the kubelet's path"),
];

fn names(value: &Value) -> BTreeSet<String> {
    value.as_object().expect("an object of the schema").keys().cloned().collect()
}

#[test]
fn the_chart_has_each_plain_setting_and_no_secret() {
    let schema = read(&root().join("deploy/charts/tradeops/values.schema.json"));
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let shared = names(&schema["properties"]["tradingDay"]["properties"]);
    let programs: [(&str, &[Variable]); 2] =
        [("triggerApi", &trigger_api::config::VARIABLES), ("tradesSync", &trades_sync::config::VARIABLES)];
    let mut problems = Vec::new();
    for (section, variables) in programs {
        let own = names(&schema["properties"][section]["properties"]["settings"]["properties"]);
        for Variable { name, kind, .. } in variables {
            let is_setting = own.contains(*name) || shared.contains(*name);
            let is_excluded = NOT_SETTINGS.iter().any(|(excluded, _)| excluded == name);
            match kind {
                VariableKind::Plain if !is_setting && !is_excluded => {
                    problems.push(format!("{section}.settings lacks {name}"));
                }
                VariableKind::Secret if is_setting => {
                    problems.push(format!("{section}.settings has {name}, which is a secret"));
                }
                _ => {}
            }
        }
    }
    assert_none("the chart has the settings of the programs", &problems);
}
