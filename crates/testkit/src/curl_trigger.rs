//! The program curl-trigger, built with the profile and flags of a release.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a flavor of the program, `plain` or `tls`, and returns its path. `folder` is the target folder of the build, such
/// as `CARGO_TARGET_TMPDIR`. It must not be that of the test run, which cargo has locked.
///
/// # Panics
/// When it can't be built.
pub fn build(flavor: &str, folder: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/build-curl-trigger.sh");
    let output = Command::new(script).args([flavor, folder]).output().expect("the build script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim())
}
