//! The variables of a run. The API's own environment is not among them: it holds the API's secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;

use k8s_openapi::api::core::v1::{Container, EnvVarSource};
use secrecy::{ExposeSecret, SecretString};

use super::expand::expand;
use super::manifest::ConfigMaps;
use super::refusal::Refusal;

/// The Job that a run is of.
pub(super) struct JobName<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl JobName<'_> {
    /// What the ConfigMaps say, and a pod's own fields, as far as there are such fields without a pod.
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

/// What a run has from the API's environment: where things are on this machine, and nothing that could be secret.
const INHERITED: [&str; 5] = ["PATH", "HOME", "TZ", "LANG", "SSL_CERT_FILE"];

/// The variables that the machine gives, before those of the container.
#[expect(clippy::disallowed_methods, reason = "they are handed on to programs, not read as settings")]
pub(super) fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// The container's variables. A name that is in `given` has the value from there, whatever the container says.
pub(super) fn read(
    container: &Container,
    given: &BTreeMap<String, SecretString>,
    config_maps: &ConfigMaps,
    job: &JobName<'_>,
    field: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut variables = whole_config_maps(container, config_maps, field)?;
    variables.extend(given.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())));
    for (index, variable) in container.env.iter().flatten().enumerate() {
        let name = &variable.name;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Refusal::new(format!("{field}.env[{index}].name"), "is no name of a variable"));
        }
        if given.contains_key(name) {
            continue;
        }
        if let Some(value) = variable.value_from.as_ref().and_then(|source| job.value(source, config_maps)) {
            variables.insert(name.clone(), value);
            continue;
        }
        if variable.value_from.is_some() {
            return Err(Refusal::new(
                format!("{field}.env[{index}].valueFrom"),
                format!("has no value on this machine; give {name} one in the executor's env"),
            ));
        }
        let value = expand(variable.value.as_deref().unwrap_or_default(), &variables);
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}

/// The variables that come from a ConfigMap as a whole.
fn whole_config_maps(
    container: &Container,
    config_maps: &ConfigMaps,
    field: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut variables = BTreeMap::new();
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        let field = || format!("{field}.envFrom[{index}]");
        let Some(reference) = &source.config_map_ref else {
            let problem =
                "has no values on this machine; take it out, and give the executor's env what it stands for";
            return Err(Refusal::new(field(), problem));
        };
        let Some(texts) = config_maps.get(&reference.name) else {
            if reference.optional == Some(true) {
                continue;
            }
            let name = &reference.name;
            return Err(Refusal::new(
                field(),
                format!("names the ConfigMap {name}, which is in none of the files"),
            ));
        };
        let prefix = source.prefix.as_deref().unwrap_or_default();
        variables.extend(texts.iter().map(|(key, value)| (format!("{prefix}{key}"), value.clone())));
    }
    Ok(variables)
}
