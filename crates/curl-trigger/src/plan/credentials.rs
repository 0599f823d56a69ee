//! Credentials from environment variables and files, which keep them out of the arguments.

use alloc::{format, string::ToString};

use super::content::basic;
use crate::{
    environment::Environment,
    exit::Failure,
    files::{ReadFile, read_text},
    header::{Header, Headers},
};

/// An environment variable, its header, and the prefix of the header's value.
const CREDENTIALS: [(&str, &str, &str); 4] = [
    ("ADMIN_SECRET", "X-Admin-Secret", ""),
    ("INTERNAL_TOKEN", "X-Internal-Token", ""),
    ("BEARER_TOKEN", "Authorization", "Bearer "),
    ("BASIC_AUTH", "Authorization", BASIC),
];
/// The prefix of a value that is encoded.
const BASIC: &str = "Basic ";

/// Adds the headers of all credentials that are set, unless `-H` sets or removes them.
///
/// Must be called only if the URL is from the environment too: with a URL in the arguments, the program behaves
/// like curl, which sends no credentials from these variables.
pub(super) fn add(
    headers: &mut Headers,
    environment: &Environment<'_>,
    files: &mut dyn ReadFile,
) -> Result<(), Failure> {
    let is_set = |name: &str| {
        environment.non_empty(name).is_some() || environment.non_empty(&format!("{name}_FILE")).is_some()
    };
    if is_set("BEARER_TOKEN") && is_set("BASIC_AUTH") {
        return Err(Failure::usage(format_args!(
            "BEARER_TOKEN and BASIC_AUTH are both set: remove one of them"
        )));
    }
    for (variable, header, prefix) in CREDENTIALS {
        let file_variable = format!("{variable}_FILE");
        let value = match (environment.non_empty(variable), environment.non_empty(&file_variable)) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage(format_args!(
                    "{variable} and {file_variable} are both set: remove one of them"
                )));
            }
            (Some(value), None) => value.to_string(),
            (None, Some(path)) => read_text(files, path, &format!("the file of {file_variable},"))?,
            (None, None) => continue,
        };
        let value = value.trim_ascii();
        if value.is_empty() {
            return Err(Failure::usage(format_args!("{variable} contains only white space")));
        }
        let value = if prefix == BASIC { basic(value) } else { format!("{prefix}{value}") };
        headers.set_default(Header::new(header, &value).map_err(|_| {
            Failure::usage(format_args!("{variable} contains a line break or another control character"))
        })?);
    }
    Ok(())
}
