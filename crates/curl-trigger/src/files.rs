//! Reading the files that options and environment variables name.

use alloc::{string::String, vec::Vec};

use crate::exit::{ExitCode, Failure};

/// The maximum size of a body or header file, in bytes.
pub const MAX_FILE: usize = 64 * 1024 * 1024;

/// Reads files for the options and the plan. The path `-` is the standard input.
pub trait ReadFile {
    /// The content of a file of at most `limit` bytes, or the reason why it can't be read.
    fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, String>;
}

pub(crate) fn read_text(files: &mut dyn ReadFile, path: &str, what: &str) -> Result<String, Failure> {
    let bytes = read_bytes(files, path, what)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(ExitCode::Read, format_args!("{what} {path} is not UTF-8 text")))
}

pub(crate) fn read_bytes(files: &mut dyn ReadFile, path: &str, what: &str) -> Result<Vec<u8>, Failure> {
    files
        .read(path, MAX_FILE)
        .map_err(|why| Failure::new(ExitCode::Read, format_args!("{what} {path} can't be read: {why}")))
}
