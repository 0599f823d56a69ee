//! The variables of a run. The API's own environment is not among them: it holds the API's secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;

use k8s_openapi::api::core::v1::{Container, EnvVarSource};
use secrecy::{ExposeSecret, SecretString};

use super::expand::expand;
use super::refusal::Refusal;

/// The Job that a run is of.
pub(super) struct JobName<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

impl JobName<'_> {
    /// What a pod's own fields say, as far as there are such fields without a pod.
    fn value(&self, source: &EnvVarSource) -> Option<String> {
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
    job: &JobName<'_>,
    field: &str,
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut variables: BTreeMap<String, String> =
        given.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
    for (index, variable) in container.env.iter().flatten().enumerate() {
        let name = &variable.name;
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(Refusal::new(format!("{field}.env[{index}].name"), "is no name of a variable"));
        }
        if given.contains_key(name) {
            continue;
        }
        if let Some(value) = variable.value_from.as_ref().and_then(|source| job.value(source)) {
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
