//! The files of `-o` and `-D`.

use curl_trigger::exit::Failure;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{OFlags, SeekFrom, ftruncate, seek},
    io::Errno,
};

use crate::{
    files::{self, write_all, write_failure},
    sys,
};

/// A file that is opened before the request is sent. Its content is replaced when the first bytes are written.
pub(crate) struct OutputFile<'a> {
    path: &'a str,
    /// `None` is the standard output.
    file: Option<OwnedFd>,
    /// The file did not exist.
    is_new: bool,
    is_written: bool,
}

impl<'a> OutputFile<'a> {
    /// Opens or creates the file; `-` is the standard output.
    pub(crate) fn open(path: &'a str) -> Result<Self, Failure> {
        if path == "-" {
            return Ok(Self { path: "the standard output", file: None, is_new: false, is_written: true });
        }
        let create = OFlags::WRONLY | OFlags::CREATE;
        let (opened, is_new) = match files::open(path, create | OFlags::EXCL) {
            Err(Errno::EXIST) => (files::open(path, create), false),
            created => (created, true),
        };
        let file = opened.map_err(|error| write_failure(path, error))?;
        Ok(Self { path, file: Some(file), is_new, is_written: false })
    }

    /// Writes bytes, after the earlier ones since [`Self::restart`].
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match &self.file {
            Some(file) => {
                if !self.is_written {
                    // A device or a pipe has no length and no position.
                    let _ = ftruncate(file, 0);
                    let _ = seek(file, SeekFrom::Start(0));
                }
                write_all(file.as_fd(), bytes)
            }
            None => write_all(sys::stdio(1), bytes),
        };
        self.is_written = true;
        written.map_err(|error| write_failure(self.path, error))
    }

    /// Makes the next bytes replace the content.
    pub(crate) fn restart(&mut self) {
        self.is_written = false;
    }

    /// Removes the file if it is new and nothing was written, as curl creates none then.
    pub(crate) fn remove_unused(&self) {
        if self.is_new && !self.is_written {
            let _ = rustix::fs::unlink(self.path);
        }
    }
}
