//! Reading files.

use alloc::{format, string::String, vec::Vec};

use curl_trigger::{plan::ReadFile, text::lossy};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
};

use crate::{errors::words, sys};

/// The file system, and the standard input as `-`.
pub(crate) struct Files;

impl ReadFile for Files {
    fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, String> {
        read(path, limit)
    }
}

/// The bytes of a file, or why not.
pub(crate) fn read(path: &str, limit: usize) -> Result<Vec<u8>, String> {
    let opened: OwnedFd;
    let file = if path == "-" {
        sys::stdio(0)
    } else {
        opened = open(path, OFlags::RDONLY).map_err(words)?;
        opened.as_fd()
    };
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match rustix::io::read(file, &mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(length) if bytes.len() + length > limit => {
                return Err(format!("it is larger than {limit} bytes"));
            }
            Ok(length) => bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(words(error)),
        }
    }
}

/// The text of a file that may be absent or unreadable: then it is empty.
pub(crate) fn read_or_empty(path: &str) -> String {
    const LARGEST: usize = 1024 * 1024;
    read(path, LARGEST).map(|bytes| lossy(&bytes)).unwrap_or_default()
}

/// Opens a file; one that is made is readable and writable as the umask allows.
pub(crate) fn open(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o666))
}
