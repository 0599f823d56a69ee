//! Credentials out of the environment, so that none stands in an argument.

use alloc::{format, string::ToString};

use super::{ReadFile, read_text};
use crate::{
    environment::Environment,
    exit::Failure,
    header::{Header, Headers},
};

/// A variable, the header it becomes, and what stands before its value there.
const CREDENTIALS: [(&str, &str, &str); 3] = [
    ("ADMIN_SECRET", "X-Admin-Secret", ""),
    ("INTERNAL_TOKEN", "X-Internal-Token", ""),
    ("BEARER_TOKEN", "Authorization", "Bearer "),
];

/// Adds the headers of all credentials that are set; one given with `-H` comes first.
///
/// Called only when the URL is the environment's too: a command line that names its own URL is curl's, and
/// curl would not send it what happens to be in the environment.
pub(super) fn add(
    headers: &mut Headers,
    environment: &Environment<'_>,
    files: &mut dyn ReadFile,
) -> Result<(), Failure> {
    for (variable, header, prefix) in CREDENTIALS {
        let file_variable = format!("{variable}_FILE");
        let value = match (environment.filled(variable), environment.filled(&file_variable)) {
            (Some(_), Some(_)) => {
                return Err(Failure::usage(format_args!(
                    "{variable} and {file_variable} are both set: which one counts?"
                )));
            }
            (Some(value), None) => value.to_string(),
            (None, Some(path)) => read_text(files, path, &format!("the file of {file_variable},"))?,
            (None, None) => continue,
        };
        let value = value.trim_ascii();
        if value.is_empty() {
            return Err(Failure::usage(format_args!("{variable} is empty but for white space")));
        }
        headers.set_default(Header::new(header, &format!("{prefix}{value}")).map_err(|_| {
            Failure::usage(format_args!("{variable} holds a line break or another control character"))
        })?);
    }
    Ok(())
}
