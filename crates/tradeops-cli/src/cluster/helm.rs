//! What Helm has recorded about the release. Only the labels of its Secrets are read, and not their content.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::ListParams;

use super::Cluster;

/// The newest revision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revision {
    /// Its number.
    pub number: u32,
    /// `deployed`, `failed`, `pending-upgrade`, ...
    pub status: String,
    /// When it was written.
    pub at: Option<Timestamp>,
    /// Whether there is an older one.
    pub has_previous: bool,
}

/// The newest revision; None if Helm did not install the release, or its Secrets may not be listed.
pub async fn newest_revision(cluster: &Cluster) -> Option<Revision> {
    let selector = ListParams::default().labels(&format!("owner=helm,name={}", cluster.release.name));
    let found = cluster.api::<Secret>().list_metadata(&selector).await.ok()?;
    let count = found.items.len();
    let revisions = found.items.iter().filter_map(|secret| {
        let labels = secret.labels();
        Some(Revision {
            number: labels.get("version")?.parse().ok()?,
            status: labels.get("status")?.clone(),
            at: secret.metadata.creation_timestamp.as_ref().map(|time| time.0),
            has_previous: count > 1,
        })
    });
    revisions.max_by_key(|revision| revision.number)
}
