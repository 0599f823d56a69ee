//! The cluster of `KUBECONFIG`, or one that `scripts/cluster.sh` creates and that is deleted after the tests.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::command::{CommandOutput, root, run};

/// A cluster, and how to reach it as an administrator.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
    path: String,
    /// The folder of a cluster that was created for these tests.
    own: Option<PathBuf>,
}

impl Cluster {
    /// Uses the cluster of `KUBECONFIG`, or creates one.
    pub(crate) fn find_or_create() -> Self {
        let variable = |name: &str| {
            #[expect(clippy::disallowed_methods, reason = "every program finds a cluster by these variables")]
            std::env::var(name).ok().filter(|value| !value.is_empty())
        };
        let path = variable("PATH").unwrap_or_default();
        let cluster = match variable("KUBECONFIG") {
            Some(kubeconfig) => Self { kubeconfig: kubeconfig.into(), path, own: None },
            None => Self::create(&path),
        };
        let nodes = cluster.kubectl(&["get", "nodes", "--output", "name"]);
        assert!(
            !nodes.trim().is_empty(),
            "these tests need a node that runs pods: run `sudo scripts/cluster.sh up`, set KUBECONFIG as \
             `scripts/cluster.sh env` says, and try again"
        );
        cluster.apply(testkit::manifests::KEEPS_CRONJOBS_WATCHED);
        cluster
    }

    fn create(path: &str) -> Self {
        // Not in the target folder: the path must be short.
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let script = |argument: &str| {
            let mut command = Command::new(root().join("scripts/cluster.sh"));
            run(command.arg(argument).env("TRADEOPS_CLUSTER_DIR", folder.join("cluster")))
        };
        let up = script("up");
        assert!(up.succeeded, "scripts/cluster.sh up failed: {}{}", up.stdout, up.stderr);
        let exports = script("env").expect_success();
        // "export PATH=/folder:"$PATH""
        let tools = exports.lines().find_map(|line| line.strip_prefix("export PATH="));
        let tools = tools.and_then(|value| value.split(':').next()).expect("it prints the folder of kubectl");
        Self {
            kubeconfig: folder.join("cluster/kubeconfig"),
            path: format!("{tools}:{path}"),
            own: Some(folder),
        }
    }

    /// A command whose kubectl uses this cluster.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    /// Runs kubectl as the administrator; it may fail.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> CommandOutput {
        run(self.command("kubectl").args(arguments))
    }

    /// Runs kubectl as the administrator.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).expect_success()
    }

    /// Applies manifests.
    pub(crate) fn apply(&self, manifests: &str) {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(manifests.as_bytes()).expect("the file is ours");
        self.kubectl(&["apply", "--filename", file.path().to_str().expect("a path in UTF-8")]);
    }

    /// This machine's address as pods reach it: the source address of its route to the node.
    pub(crate) fn address_for_pods(&self) -> IpAddr {
        let path = "jsonpath={.items[0].status.addresses[?(@.type==\"InternalIP\")].address}";
        let node = self.kubectl(&["get", "nodes", "--output", path]);
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        // Connecting a UDP socket sends nothing, but selects the route.
        socket
            .connect((node.trim(), 9))
            .unwrap_or_else(|error| panic!("no route to the node {node}: {error}"));
        socket.local_addr().expect("it is bound").ip()
    }

    /// Every object of the cluster that a release could leave behind, except those in the namespaces of other tests.
    pub(crate) fn objects(&self, namespace: &str) -> BTreeSet<String> {
        let kinds = self.kubectl(&["api-resources", "--verbs=list,delete", "--output=name"]);
        // The cluster itself creates and deletes these at any time. Endpoints mirror EndpointSlices, and an IPAddress belongs to
        // a Service of any namespace.
        let ignored = [
            "events",
            "events.events.k8s.io",
            "leases.coordination.k8s.io",
            "endpoints",
            "ipaddresses.networking.k8s.io",
        ];
        let kinds: Vec<&str> = kinds.lines().filter(|kind| !ignored.contains(kind)).collect();
        let columns = "--output=custom-columns=:kind,:metadata.namespace,:metadata.name";
        let listed = self.kubectl(&["get", &kinds.join(","), "--all-namespaces", "--no-headers", columns]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let of_others = |line: &String| line.contains("e2e-") && !line.contains(namespace);
        listed.lines().map(words).filter(|line| !of_others(line)).collect()
    }

    /// Deletes the cluster if it was created for these tests.
    pub(crate) fn delete(&self) {
        if let Some(folder) = &self.own {
            let mut command = self.command(root().join("scripts/cluster.sh"));
            run(command.arg("down").env("TRADEOPS_CLUSTER_DIR", folder.join("cluster"))).expect_success();
            let _ = std::fs::remove_dir(folder);
        }
    }
}
