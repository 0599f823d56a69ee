//! The release `aegis-trader`: NATS and monitor-api.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{Release, create_namespace};
use crate::environment::{Environment, LABEL};

impl Release {
    /// A release with one server of NATS. Instances expire after five minutes, so that they outlive a restart of NATS.
    pub(crate) fn aegis_trader(environment: &Environment) -> Self {
        let namespace = create_namespace(environment, "registry");
        let mut helm = vec![
            "--set=nats.kvStore.ttlSeconds=300".to_owned(),
            "--set-string=monitorApi.settings.STALE_THRESHOLD_SECONDS=300".to_owned(),
        ];
        if environment.cluster.kubectl(&["get", "storageclasses", "--output=name"]).is_empty() {
            create_volume(environment, &namespace);
            helm.push(format!("--set=nats.jetstream.storage.storageClassName={namespace}"));
        }
        let variables = [
            ("RELEASE", "aegis-trader".to_owned()),
            ("ENV", "dev".to_owned()),
            ("NAMESPACE", namespace.clone()),
            ("IMAGES", environment.images.folder.display().to_string()),
            ("TAG", environment.images.tag.clone()),
        ];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { namespace, variables, helm, cluster: environment.cluster.clone() }
    }

    /// Runs the command-line client of NATS in the pod of the release.
    #[track_caller]
    pub(crate) fn nats(&self, arguments: &[&str]) -> String {
        self.kubectl(&[&["exec", "deployment/aegis-trader-nats-box", "--", "nats"], arguments].concat())
    }
}

/// Creates a volume in the environment's folder: the node of `scripts/cluster.sh` is this machine, and has no storage class.
fn create_volume(environment: &Environment, namespace: &str) {
    let folder = environment.folder.join(namespace);
    fs::create_dir(&folder).expect("the folder of the environment is ours");
    // Kubernetes does not change the owner of such a volume.
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("the folder is ours");
    environment.cluster.apply(&format!(
        "{{apiVersion: v1, kind: PersistentVolume, metadata: {{name: {namespace}, labels: {{{LABEL}: \"{id}\"}}}}, \
         spec: {{storageClassName: {namespace}, capacity: {{storage: 1Gi}}, accessModes: [ReadWriteOnce], \
         hostPath: {{path: \"{path}\", type: Directory}}}}}}",
        id = environment.id,
        path = folder.display(),
    ));
}
