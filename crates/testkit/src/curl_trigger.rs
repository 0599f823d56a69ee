//! curl-trigger's program, built with the profile and flags that it ships with.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a flavour of the program, `plain` or `tls`, and gives its path. `folder` is where the build's files go: one of its
/// own, such as `CARGO_TARGET_TMPDIR`, as cargo holds a lock on that of the test run.
///
/// # Panics
/// When it can't be built.
pub fn build(flavour: &str, folder: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-curl-trigger.sh");
    let output = Command::new(script).args([flavour, folder]).output().expect("the build script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}
