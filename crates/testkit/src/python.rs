//! A Python with numpy and pandas, for calculations that Rust's are compared with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The interpreter; made on first use by `scripts/python.sh`, which keeps it for the next time.
///
/// # Panics
/// When there is no Python on the machine, or its packages can't be had.
pub fn interpreter() -> &'static Path {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/python.sh");
        let output = Command::new(&script).output().expect("scripts/python.sh can be run; it needs bash");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "no Python for the reference calculation: {said}");
        PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
    })
}
