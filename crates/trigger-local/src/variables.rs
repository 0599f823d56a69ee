//! The environment variables of a run. The environment of trigger-api is not inherited, because it has secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;

use k8s_openapi::api::core::v1::{Container, EnvVarSource};
use secrecy::{ExposeSecret, SecretString};
use trigger_core::parameters::Parameters;

use super::expand::expand;
use super::field_error::FieldError;
use super::manifest::ConfigMaps;

/// The Job of a run.
pub(super) struct PlannedJob<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// The values that the request sets. They take precedence over the values of the settings.
    pub(super) parameters: &'a Parameters,
}

impl PlannedJob<'_> {
    /// The value of a `valueFrom`. Of the pod's fields, only those that are known without a pod have one.
    fn value(&self, source: &EnvVarSource, config_maps: &ConfigMaps) -> Option<String> {
        if let Some(key) = &source.config_map_key_ref {
            return config_maps.get(&key.name)?.get(&key.key).cloned();
        }
        match source.field_ref.as_ref()?.field_path.as_str() {
            "metadata.namespace" => Some(self.namespace.to_owned()),
            "metadata.labels['batch.kubernetes.io/job-name']" | "metadata.labels['job-name']" => {
                Some(self.name.to_owned())
            }
            _ => None,
        }
    }
}

/// Variables that describe this machine and contain no secrets.
const INHERITED: [&str; 5] = ["PATH", "HOME", "TZ", "LANG", "SSL_CERT_FILE"];

/// The inherited variables. The container's own override them.
#[expect(clippy::disallowed_methods, reason = "they are passed on to programs, not read as settings")]
pub(super) fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// Reads the container's variables. Those in `overrides` replace the container's own of the same name.
pub(super) fn read(
    container: &Container,
    overrides: &BTreeMap<String, SecretString>,
    config_maps: &ConfigMaps,
    job: &PlannedJob<'_>,
    field: &str,
) -> Result<BTreeMap<String, String>, FieldError> {
    let mut variables = from_config_maps(container, config_maps, field)?;
    variables.extend(overrides.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())));
    for (index, variable) in container.env.iter().flatten().enumerate() {
        let name = &variable.name;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(FieldError::new(
                format!("{field}.env[{index}].name"),
                "is not a valid variable name",
            ));
        }
        if overrides.contains_key(name) && !job.parameters.contains_key(name) {
            continue;
        }
        if let Some(value) = variable.value_from.as_ref().and_then(|source| job.value(source, config_maps)) {
            variables.insert(name.clone(), value);
            continue;
        }
        if variable.value_from.is_some() {
            return Err(FieldError::new(
                format!("{field}.env[{index}].valueFrom"),
                format!("has no value on this machine; set {name} in the local executor's `env`"),
            ));
        }
        let value = expand(variable.value.as_deref().unwrap_or_default(), &variables);
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}

/// The variables of `envFrom`.
fn from_config_maps(
    container: &Container,
    config_maps: &ConfigMaps,
    field: &str,
) -> Result<BTreeMap<String, String>, FieldError> {
    let mut variables = BTreeMap::new();
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let field = || format!("{field}.envFrom[{index}]");
        let Some(reference) = &source.config_map_ref else {
            let problem = "has no values on this machine; remove it and set its variables in the local executor's `env`";
            return Err(FieldError::new(field(), problem));
        };
        let Some(data) = config_maps.get(&reference.name) else {
            if reference.optional == Some(true) {
                continue;
            }
            let problem = format!("names the ConfigMap {}, which no file defines", reference.name);
            return Err(FieldError::new(field(), problem));
        };
        let prefix = source.prefix.as_deref().unwrap_or_default();
        variables.extend(data.iter().map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read_json(env: &Value, env_from: &Value) -> Result<BTreeMap<String, String>, FieldError> {
        let container = json!({ "name": "main", "env": env, "envFrom": env_from });
        let overrides = [("PASSWORD", "hunter2"), ("CHOSEN", "1")];
        let overrides = overrides.map(|(name, value)| (name.to_owned(), SecretString::from(value))).into();
        let data = BTreeMap::from([("ZONE".to_owned(), "UTC".to_owned())]);
        let config_maps = ConfigMaps::from([("settings".to_owned(), data)]);
        let parameters = Parameters::from_iter([("CHOSEN".to_owned(), json!("2"))]);
        let job = PlannedJob { namespace: "trading", name: "sync-1", parameters: &parameters };
        read(&serde_json::from_value(container).unwrap(), &overrides, &config_maps, &job, "c")
    }

    #[test]
    fn each_source_of_a_variable_gives_its_value_or_an_error_that_names_the_field() {
        let field = |path: &str| json!({ "fieldRef": { "fieldPath": path } });
        let key = |name: &str, key: &str| json!({ "configMapKeyRef": { "name": name, "key": key } });
        for (source, expected) in [
            (field("metadata.namespace"), Some("trading")),
            (field("metadata.labels['job-name']"), Some("sync-1")),
            (field("metadata.labels['batch.kubernetes.io/job-name']"), Some("sync-1")),
            (field("status.podIP"), None),
            (key("settings", "ZONE"), Some("UTC")),
            (key("settings", "COUNT"), None),
            (key("others", "ZONE"), None),
            (json!({ "secretKeyRef": { "name": "db", "key": "url" } }), None),
            (json!({ "resourceFieldRef": { "resource": "limits.cpu" } }), None),
        ] {
            let variables = read_json(&json!([{ "name": "A", "valueFrom": source }]), &json!([]));
            match expected {
                Some(value) => assert_eq!(variables.unwrap()["A"], value, "{source}"),
                None => assert_eq!(variables.unwrap_err().field, "c.env[0].valueFrom", "{source}"),
            }
        }
    }

    #[test]
    fn references_see_earlier_variables_overrides_and_config_maps() {
        let env = json!([
            { "name": "LATER_REFERENCE", "value": "$(HOST)" },
            { "name": "HOST", "value": "db" },
            { "name": "URL", "value": "postgres://$(HOST)/$(PASSWORD)/$(FROM_ZONE)" },
            { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "db", "key": "password" } } },
            { "name": "EMPTY" },
            { "name": "CHOSEN", "value": "2" },
            { "name": "FROM_ZONE", "value": "replaced" },
        ]);
        let env_from = json!([{ "configMapRef": { "name": "settings" }, "prefix": "FROM_" }]);
        let expected = [
            ("CHOSEN", "2"),
            ("EMPTY", ""),
            ("FROM_ZONE", "replaced"),
            ("HOST", "db"),
            ("LATER_REFERENCE", "$(HOST)"),
            ("PASSWORD", "hunter2"),
            ("URL", "postgres://db/hunter2/UTC"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read_json(&env, &env_from).unwrap(), expected.into());
    }

    #[test]
    fn a_source_of_all_variables_must_be_a_known_or_optional_config_map() {
        for (source, error) in [
            (json!({ "configMapRef": { "name": "settings" } }), None),
            (json!({ "configMapRef": { "name": "others", "optional": true } }), None),
            (json!({ "configMapRef": { "name": "others" } }), Some("c.envFrom[0]")),
            (json!({ "secretRef": { "name": "db" } }), Some("c.envFrom[0]")),
        ] {
            let found = read_json(&json!([]), &json!([source])).err().map(|error| error.field);
            assert_eq!(found.as_deref(), error, "{source}");
        }
    }

    #[test]
    fn a_name_that_no_variable_can_have_is_an_error() {
        for name in ["", "A=B", "A\0"] {
            let error = read_json(&json!([{ "name": name }]), &json!([])).unwrap_err();
            assert_eq!(error.field, "c.env[0].name", "{name:?}");
        }
    }
}
