//! Opening, reading and writing files.

use alloc::{format, string::String, vec::Vec};

use curl_trigger::{
    exit::{ExitCode, Failure},
    files::ReadFile,
    text::lossy,
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{FileType, Mode, OFlags},
    io::Errno,
};

use crate::{errors::describe, sys};

/// The file system; `-` is the standard input.
pub(crate) struct FileSystem;

impl ReadFile for FileSystem {
    fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, String> {
        read(path, limit)
    }
}

/// The content of a file of at most `limit` bytes, or the reason why it can't be read.
pub(crate) fn read(path: &str, limit: usize) -> Result<Vec<u8>, String> {
    let opened: OwnedFd;
    let file = if path == "-" {
        sys::stdio(0)
    } else {
        opened = open_input(path)?;
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
            Err(error) => return Err(describe(error)),
        }
    }
}

/// Opens a regular file, or anything in `/dev`, as for `-d @/dev/stdin`. Another FIFO could block the program.
fn open_input(path: &str) -> Result<OwnedFd, String> {
    if path.starts_with("/dev/") {
        return open(path, OFlags::RDONLY).map_err(describe);
    }
    let file = open(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(describe)?;
    let mode = rustix::fs::fstat(&file).map_err(describe)?.st_mode;
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => Ok(file),
        _ => Err(String::from("it is not a regular file")),
    }
}

/// The text of a file; empty if the file is missing or unreadable.
pub(crate) fn read_or_empty(path: &str) -> String {
    const MAX_FILE: usize = 1024 * 1024;
    read(path, MAX_FILE).map(|bytes| lossy(&bytes)).unwrap_or_default()
}

/// Opens a file. A new file is readable and writable for everyone, as far as the umask allows.
pub(crate) fn open(path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::from_raw_mode(0o666))
}

/// Writes all bytes.
pub(crate) fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The failure for an output that can't be written.
pub(crate) fn write_failure(path: &str, error: Errno) -> Failure {
    Failure::new(ExitCode::Write, format_args!("{path} can't be written: {}", describe(error)))
}
