//! The variables of a run. The API's own environment is not among them: it holds the API's secrets.

use std::collections::BTreeMap;
use std::ffi::OsString;

use k8s_openapi::api::core::v1::Container;
use secrecy::{ExposeSecret, SecretString};

use super::expand::expand;
use super::refusal::Refusal;

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
