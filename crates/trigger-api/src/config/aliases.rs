//! Further paths that start targets.

use std::collections::BTreeMap;

use common::config::{ConfigError, Settings};
use trigger_core::target_name::TargetName;

const MAX_PATH_LENGTH: usize = 200;

/// The paths of `ALIASES`, and the target that each of them starts.
///
/// # Errors
/// When a path or the name of a target is malformed.
pub(super) fn read(settings: &Settings) -> Result<BTreeMap<String, TargetName>, ConfigError> {
    let aliases: BTreeMap<String, String> = settings.structure("ALIASES")?.unwrap_or_default();
    aliases
        .into_iter()
        .map(|(path, target)| {
            check_path(&path)?;
            let target = target.parse().map_err(|problem| invalid(format!("{path}: {problem}")))?;
            Ok((path, target))
        })
        .collect()
}

/// The path is a literal: parameters, escapes and dot segments would make it ambiguous.
fn check_path(path: &str) -> Result<(), ConfigError> {
    let is_literal = |segment: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain)
    };
    let segments = path.strip_prefix('/').filter(|_| path.len() <= MAX_PATH_LENGTH);
    if segments.is_some_and(|segments| segments.split('/').all(is_literal)) {
        return Ok(());
    }
    Err(invalid(format!(
        "{path:?} is not a path of letters, digits and -._~ such as /api/admin/trigger, without a slash at its end"
    )))
}

/// The error of a wrong alias.
pub(crate) fn invalid(problem: String) -> ConfigError {
    ConfigError::variable("ALIASES", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_literal_without_a_slash_at_its_end() {
        for path in ["/trigger", "/api/admin/insights/trigger-snapshot", "/a.b/~c_d", "/..."] {
            assert!(check_path(path).is_ok(), "{path}");
        }
        let long = format!("/{}", "a".repeat(MAX_PATH_LENGTH));
        for path in [
            "", "/", "a", "/a/", "//a", "/a//b", "/{a}", "/a/*b", "/a/../b", "/.", "/%61", "/a?b", "/a b",
            "/é", &long,
        ] {
            let problem = check_path(path).unwrap_err().to_string();
            assert!(problem.starts_with("ALIASES: ") && problem.contains(path), "{problem}");
        }
    }
}
