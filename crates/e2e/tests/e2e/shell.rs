//! Programs of others, run to their end.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout is there")
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        succeeded: output.status.success(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        // Environment variables come first, and some are secrets.
        command: shown.split_once(" \"/").map_or(shown.clone(), |(_, command)| format!("/{command}")),
    }
}

impl Said {
    /// What it printed; it has to have succeeded.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert!(self.succeeded, "{}\n{}\n{}", self.command, self.stdout, self.stderr);
        self.stdout
    }

    /// What it said for its failure; it has to have failed.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert!(!self.succeeded, "{} went well\n{}", self.command, self.stdout);
        self.stderr
    }
}
