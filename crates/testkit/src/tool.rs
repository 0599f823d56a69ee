//! Programs built from Go modules.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that `scripts/tools.sh` builds or finds in the cache.
///
/// # Panics
/// When the script fails, with its reason.
pub fn path(name: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/tools.sh");
    let output = Command::new(&script).arg(name).output().expect("scripts/tools.sh can be run");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "scripts/tools.sh {name}: {stderr}");
    Path::new(stdout.trim()).join(name)
}
