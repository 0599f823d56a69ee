//! The Secrets of the release, and the databases that they name.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{PodSpec, Secret};
use kube::ResourceExt;
use secrecy::ExposeSecret;

use super::report::Report;
use crate::cluster::Cluster;
use crate::cluster::errors::{explain, is_forbidden};
use crate::cluster::secrets::{SecretKey, read, required};
use crate::cluster::state::State;
use crate::failure::Failure;

/// The host of the databases that a development deploy without addresses gets.
const NO_DATABASE: &str = "postgres.invalid";

/// Checks that each key exists, and says which program reads it.
pub(super) async fn secrets(report: &mut Report, cluster: &Cluster) -> Result<(), Failure> {
    report.section("Secrets, and the programs that read them");
    let state = State::read(cluster).await?;
    let users = users(&state);
    let by_secret = users.iter().fold(BTreeMap::<_, Vec<_>>::new(), |mut secrets, (key, programs)| {
        secrets.entry(key.secret.as_str()).or_default().push((key, programs));
        secrets
    });
    for (secret, keys) in by_secret {
        check(report, cluster, secret, &keys).await?;
    }
    Ok(())
}

/// The programs that need each key.
fn users(state: &State) -> BTreeMap<SecretKey, BTreeSet<String>> {
    let deployments = state
        .deployments
        .iter()
        .filter_map(|object| Some((object.name_any(), object.spec.as_ref()?.template.spec.as_ref()?)));
    let sets = state
        .stateful_sets
        .iter()
        .filter_map(|object| Some((object.name_any(), object.spec.as_ref()?.template.spec.as_ref()?)));
    let cronjobs = state.cronjobs.iter().filter_map(|object| {
        let job = object.spec.job_template.spec.as_ref()?;
        Some((object.name_any(), job.template.spec.as_ref()?))
    });
    let pods: Vec<(String, &PodSpec)> = deployments.chain(sets).chain(cronjobs).collect();
    let mut users = BTreeMap::<SecretKey, BTreeSet<String>>::new();
    for (name, pod) in pods {
        for key in required(pod) {
            users.entry(key).or_default().insert(name.clone());
        }
    }
    users
}

async fn check(
    report: &mut Report,
    cluster: &Cluster,
    secret: &str,
    keys: &[(&SecretKey, &BTreeSet<String>)],
) -> Result<(), Failure> {
    let found = match cluster.api::<Secret>().get_opt(secret).await {
        Err(error) if is_forbidden(&error) => {
            report.note(format!("the Secret {secret} is not checked, because you may not get it"));
            return Ok(());
        }
        found => found.map_err(|error| explain(&format!("get the secret {secret}"), &error))?,
    };
    let exists = found.is_some();
    let data = found.and_then(|secret| secret.data).unwrap_or_default();
    let mut missing = Vec::new();
    for (key, programs) in keys {
        let programs = programs.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let shown = format!("the key {} of the Secret {secret}, for {programs}", key.key);
        match data.get(&key.key) {
            Some(value) if value.0.is_empty() => {
                report.lacks(format!("a value of {shown}: it is empty"), patch(cluster, key));
            }
            Some(_) if names_no_database(cluster, key).await? => {
                report.lacks(format!("a database in {shown}: it names {NO_DATABASE}"), patch(cluster, key));
            }
            Some(_) => report.ok(shown),
            None if exists => report.lacks(shown, patch(cluster, key)),
            None => missing.push((key.key.as_str(), programs)),
        }
    }
    if !missing.is_empty() {
        // One command, because a second `create` of the same Secret fails.
        let files: Vec<String> =
            missing.iter().map(|(key, _)| format!("--from-file={key}={secret}.{key}")).collect();
        let files = files.join(" ");
        let names: Vec<&str> = missing.iter().map(|(key, _)| *key).collect();
        let fix = format!(
            "write each value to the file {secret}.KEY, then: kubectl -n {} create secret generic {secret} {files}",
            cluster.release.namespace
        );
        report.lacks(
            format!("the Secret {secret} with the keys {}, for {}", names.join(", "), missing[0].1),
            fix,
        );
    }
    Ok(())
}

/// The command that sets a key of a Secret that exists. The value is read from a file, because others can read arguments.
fn patch(cluster: &Cluster, SecretKey { secret, key }: &SecretKey) -> String {
    format!(
        "write the value to the file {secret}.{key}, then: kubectl -n {} patch secret {secret} --patch-file \
         <(printf '{{\"data\": {{\"{key}\": \"%s\"}}}}' \"$(base64 -w0 {secret}.{key})\")",
        cluster.release.namespace
    )
}

async fn names_no_database(cluster: &Cluster, key: &SecretKey) -> Result<bool, Failure> {
    let value = read(cluster, key).await?;
    Ok(value.is_some_and(|value| value.expose_secret().contains(NO_DATABASE)))
}
