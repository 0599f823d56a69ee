//! The cluster: that of `KUBECONFIG`, else one of `scripts/cluster.sh`, which goes when the tests end.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::shell::{Said, root, run};

/// A cluster and the way to it as an administrator.
#[derive(Debug)]
pub(crate) struct Cluster {
    kubeconfig: PathBuf,
    path: String,
    /// The folder of a cluster that came with these tests.
    own: Option<PathBuf>,
}

impl Cluster {
    /// Finds one, or brings one up.
    pub(crate) fn find() -> Self {
        let variable = |name: &str| {
            #[expect(clippy::disallowed_methods, reason = "the variables that say where a cluster is")]
            std::env::var(name).ok().filter(|value| !value.is_empty())
        };
        let path = variable("PATH").unwrap_or_default();
        let cluster = match variable("KUBECONFIG") {
            Some(kubeconfig) => Self { kubeconfig: kubeconfig.into(), path, own: None },
            None => Self::bring_up(&path),
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

    fn bring_up(path: &str) -> Self {
        // Its path must be short, which that of a target folder isn't.
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        let script = |argument: &str| {
            let mut command = Command::new(root().join("scripts/cluster.sh"));
            run(command.arg(argument).env("TRADEOPS_CLUSTER_DIR", folder.join("cluster")))
        };
        let up = script("up");
        assert!(up.succeeded, "no cluster: {}{}", up.stdout, up.stderr);
        let exports = script("env").well();
        // "export PATH=/folder:"$PATH""
        let tools = exports.lines().find_map(|line| line.strip_prefix("export PATH="));
        let tools = tools.and_then(|value| value.split(':').next()).expect("it says where kubectl is");
        Self {
            kubeconfig: folder.join("cluster/kubeconfig"),
            path: format!("{tools}:{path}"),
            own: Some(folder),
        }
    }

    /// A program that sees this cluster.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("KUBECONFIG", &self.kubeconfig).env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    /// Runs kubectl as the administrator; it may fail.
    pub(crate) fn try_kubectl(&self, arguments: &[&str]) -> Said {
        run(self.command("kubectl").args(arguments))
    }

    /// Runs kubectl as the administrator.
    #[track_caller]
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments).well()
    }

    /// Applies manifests.
    pub(crate) fn apply(&self, manifests: &str) {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(manifests.as_bytes()).expect("it is ours");
        self.kubectl(&["apply", "--filename", file.path().to_str().expect("a path in UTF-8")]);
    }

    /// This machine's address as pods reach it: that from which it reaches the node.
    pub(crate) fn address_for_pods(&self) -> IpAddr {
        let path = "jsonpath={.items[0].status.addresses[?(@.type==\"InternalIP\")].address}";
        let node = self.kubectl(&["get", "nodes", "--output", path]);
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        // It sends nothing, but chooses a way.
        socket.connect((node.trim(), 9)).unwrap_or_else(|error| panic!("no way to the node {node}: {error}"));
        socket.local_addr().expect("it is bound").ip()
    }

    /// Every object of the cluster that a release could leave behind, but for those of other tests' namespaces.
    pub(crate) fn objects(&self, namespace: &str) -> BTreeSet<String> {
        let kinds = self.kubectl(&["api-resources", "--verbs=list,delete", "--output=name"]);
        // They come and go by themselves; endpoints are the old name of EndpointSlices; and an address is a Service's, of
        // whichever namespace.
        let passing = [
            "events",
            "events.events.k8s.io",
            "leases.coordination.k8s.io",
            "endpoints",
            "ipaddresses.networking.k8s.io",
        ];
        let kinds: Vec<&str> = kinds.lines().filter(|kind| !passing.contains(kind)).collect();
        let columns = "--output=custom-columns=:kind,:metadata.namespace,:metadata.name";
        let listed = self.kubectl(&["get", &kinds.join(","), "--all-namespaces", "--no-headers", columns]);
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let of_others = |line: &String| line.contains("e2e-") && !line.contains(namespace);
        listed.lines().map(words).filter(|line| !of_others(line)).collect()
    }

    /// Takes the cluster down, if it came with these tests.
    pub(crate) fn take_down(&self) {
        if let Some(folder) = &self.own {
            let mut command = self.command(root().join("scripts/cluster.sh"));
            run(command.arg("down").env("TRADEOPS_CLUSTER_DIR", folder.join("cluster"))).well();
            let _ = std::fs::remove_dir(folder);
        }
    }
}
