//! The programs with which a checkout is built and deployed.

use std::path::PathBuf;

use common::config::file_from_environment;

use super::report::Report;

/// A program, what it is for, and how to install it.
const PROGRAMS: [(&str, &str, &str); 9] = [
    ("cargo", "builds the programs", "https://rustup.rs (1.95 or later)"),
    ("cc", "links them", "apt-get install gcc"),
    ("python3", "builds images", "apt-get install python3"),
    ("git", "tags images", "apt-get install git"),
    ("curl", "is used by tests", "apt-get install curl"),
    ("openssl", "creates tokens", "apt-get install openssl"),
    ("kubectl", "deploys", "https://kubernetes.io/docs/tasks/tools, or scripts/cluster.sh env"),
    ("go", "builds Helm and the cluster of scripts/cluster.sh at their first use", "Go 1.26 or later"),
    ("node", "runs the receiving Worker for tests", "Node.js 20 or later"),
];

/// Whether each is installed.
pub(super) fn programs(report: &mut Report) {
    report.section("this machine");
    // Its value is a list of folders.
    let list = file_from_environment("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&list).collect();
    for (name, purpose, installation) in PROGRAMS {
        if folders.iter().any(|folder| folder.join(name).is_file()) {
            report.ok(format!("{name}, which {purpose}"));
        } else {
            report.lacks(format!("{name}, which {purpose}"), installation);
        }
    }
}
