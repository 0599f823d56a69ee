//! Secrets that the release's workloads use.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PodSpec, Secret};
use secrecy::SecretString;

use super::Cluster;
use super::errors::{explain, is_forbidden};
use crate::failure::Failure;

/// A key of a Secret.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SecretKey {
    /// The Secret.
    pub secret: String,
    /// The key.
    pub key: String,
}

/// The key that a volume of a Deployment mounts.
pub fn mounted_key(deployment: &Deployment, volume: &str) -> Option<SecretKey> {
    let pod = deployment.spec.as_ref()?.template.spec.as_ref()?;
    let volume = pod.volumes.as_ref()?.iter().find(|known| known.name == volume)?;
    let source = volume.secret.as_ref()?;
    let key = source.items.as_ref()?.first()?.key.clone();
    Some(SecretKey { secret: source.secret_name.clone()?, key })
}

/// Reads a key of a Secret; None if it does not exist, or may not be read.
///
/// # Errors
/// When the API server does not answer.
pub async fn read(
    cluster: &Cluster,
    SecretKey { secret, key }: &SecretKey,
) -> Result<Option<SecretString>, Failure> {
    let found = match cluster.api::<Secret>().get_opt(secret).await {
        Err(error) if is_forbidden(&error) => return Ok(None),
        found => found.map_err(|error| explain(&format!("get the secret {secret}"), &error))?,
    };
    let value = found.and_then(|secret| secret.data?.remove(key));
    Ok(value.and_then(|value| String::from_utf8(value.0).ok()).map(SecretString::from))
}

/// The keys of Secrets that a pod can't start without.
pub fn required(pod: &PodSpec) -> BTreeSet<SecretKey> {
    let mut keys = BTreeSet::new();
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    for variable in containers.flat_map(|container| container.env.iter().flatten()) {
        let selected = variable.value_from.as_ref().and_then(|source| source.secret_key_ref.as_ref());
        if let Some(selected) = selected.filter(|selected| selected.optional != Some(true)) {
            keys.insert(SecretKey { secret: selected.name.clone(), key: selected.key.clone() });
        }
    }
    for source in pod.volumes.iter().flatten().filter_map(|volume| volume.secret.as_ref()) {
        if source.optional == Some(true) {
            continue;
        }
        let secret = source.secret_name.clone().unwrap_or_default();
        let items = source.items.iter().flatten();
        keys.extend(items.map(|item| SecretKey { secret: secret.clone(), key: item.key.clone() }));
    }
    keys
}
