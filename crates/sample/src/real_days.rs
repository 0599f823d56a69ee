//! Where real trading days are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

const VARIABLE: &str = "TRADEOPS_REAL_DAYS";
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Relative to the workspace, and used only if it exists.
const DEFAULT_FOLDER: &str = "../shared/data/snapshots";

/// The folder with real trading days, one JSON document of the snapshot contract each; None if there is none.
///
/// The folder is the value of `TRADEOPS_REAL_DAYS`, which can be relative to the workspace, or else
/// `../shared/data/snapshots`, if that exists.
///
/// # Panics
/// If `TRADEOPS_REAL_DAYS` is set to a folder that does not exist.
#[expect(
    clippy::disallowed_methods,
    reason = "this variable selects test data and is not a setting of a program"
)]
pub fn real_days_folder() -> Option<PathBuf> {
    folder(std::env::var_os(VARIABLE), Path::new(WORKSPACE)).unwrap_or_else(|problem| panic!("{problem}"))
}

fn folder(variable: Option<OsString>, workspace: &Path) -> Result<Option<PathBuf>, String> {
    let Some(value) = variable.filter(|value| !value.is_empty()) else {
        return Ok(Some(workspace.join(DEFAULT_FOLDER)).filter(|folder| folder.is_dir()));
    };
    let folder = workspace.join(value);
    if folder.is_dir() {
        Ok(Some(folder))
    } else {
        Err(format!("{VARIABLE}: {} is not a folder; set it to a folder with real days", folder.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_names_a_folder_that_must_exist() {
        let workspace = Path::new(WORKSPACE);
        assert_eq!(folder(Some("crates".into()), workspace), Ok(Some(workspace.join("crates"))));
        assert_eq!(folder(Some("/".into()), workspace), Ok(Some("/".into())));
        let error = folder(Some("/nowhere/days".into()), workspace).expect_err("there is no such folder");
        assert!(error.starts_with("TRADEOPS_REAL_DAYS: /nowhere/days is not a folder"), "{error}");
    }

    #[test]
    fn without_the_variable_the_default_folder_is_used_if_it_exists() {
        for unset in [None, Some(OsString::new())] {
            assert_eq!(folder(unset, Path::new("/nowhere/workspace")), Ok(None));
        }
    }
}
