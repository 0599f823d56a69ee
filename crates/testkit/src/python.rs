//! A Python with numpy and pandas, for reference calculations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The interpreter. `scripts/python.sh` installs it on first use and keeps it for later runs.
///
/// # Panics
/// When there is no Python on the machine, or its packages can't be installed.
pub fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/python.sh");
        let output = Command::new(&script).output().expect("scripts/python.sh can be run; it needs bash");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no Python for the reference calculation: {stderr}");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    })
}
