//! A local port that kubectl forwards to a pod.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::cluster::Cluster;

/// A connection to a pod of a Service. It breaks when that pod ends.
#[derive(Debug)]
pub(crate) struct PortForward {
    url: String,
    process: Child,
}

impl PortForward {
    /// Forwards a free port of this machine.
    pub(super) fn start(cluster: &Cluster, namespace: &str, service: &str, port: u16) -> Self {
        let mut command = cluster.command("kubectl");
        let (service, port) = (format!("service/{service}"), format!(":{port}"));
        command.args(["--namespace", namespace, "port-forward", &service, &port]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("kubectl can be run");
        let mut line = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("stdout is piped"));
        lines.read_line(&mut line).expect("kubectl prints UTF-8");
        let port = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        let port = port.unwrap_or_else(|| panic!("kubectl does not forward a port: {line}"));
        let url = format!("http://127.0.0.1:{port}");
        // kubectl prints a line for each connection, and would block on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { url, process }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
