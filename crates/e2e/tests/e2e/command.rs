//! Commands that run to their end.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout exists")
}

/// The output and result of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> CommandOutput {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput {
        succeeded: output.status.success(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        // Environment variables come first, and some are secrets.
        command: shown.split_once(" \"/").map_or(shown.clone(), |(_, command)| format!("/{command}")),
    }
}

impl CommandOutput {
    /// Asserts that the command succeeded; returns its standard output.
    #[track_caller]
    pub(crate) fn expect_success(self) -> String {
        assert!(self.succeeded, "{}\n{}\n{}", self.command, self.stdout, self.stderr);
        self.stdout
    }

    /// Asserts that the command failed; returns its standard error.
    #[track_caller]
    pub(crate) fn expect_failure(self) -> String {
        assert!(!self.succeeded, "{} succeeded\n{}", self.command, self.stdout);
        self.stderr
    }
}
