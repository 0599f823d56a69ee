//! Reads the files that settings name.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// The maximum size of a file with settings, secrets or certificates. A Secret and a ConfigMap have at most this size.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Opens a regular file. Anything else, such as a FIFO or a device, could block the program or never end.
///
/// # Errors
/// When the file can't be opened, or is not a regular file ([`io::ErrorKind::InvalidData`]).
pub fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, because opening a device can have an effect, and a socket can't be opened.
    check_is_regular(std::fs::metadata(path)?.file_type())?;
    // If it was replaced meanwhile by a FIFO, opening it must not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    check_is_regular(file.metadata()?.file_type())?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], or when the file can't be read or is larger ([`io::ErrorKind::InvalidData`]).
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > limit {
        return Err(invalid(format!("is larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads the text of a regular file of at most [`MAX_BYTES`].
///
/// # Errors
/// As [`read`], or when the text is not UTF-8 ([`io::ErrorKind::InvalidData`]).
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path, MAX_BYTES)?).map_err(|_| invalid("is not UTF-8".to_owned()))
}

fn check_is_regular(kind: FileType) -> io::Result<()> {
    let other = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ if kind.is_fifo() => "a FIFO",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(invalid(format!("is {other}; a regular file is needed")))
}

fn invalid(problem: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    fn problem(path: &Path) -> String {
        let error = read_text(path).expect_err("the file can't be used");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        error.to_string()
    }

    #[test]
    fn only_a_regular_file_is_read_and_nothing_blocks() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        mknodat(CWD, path("fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        std::os::unix::fs::symlink(path("fifo"), path("link")).unwrap();
        for (file, kind) in [
            (path("fifo"), "a FIFO"),
            (path("link"), "a FIFO"),
            (path("socket"), "a socket"),
            (folder.path().to_owned(), "a directory"),
            ("/dev/zero".into(), "a device"),
        ] {
            assert_eq!(problem(&file), format!("is {kind}; a regular file is needed"), "{}", file.display());
        }
    }

    #[test]
    fn a_file_has_a_maximum_size() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_BYTES).unwrap();
        assert_eq!(read_text(file.path()).unwrap().len() as u64, MAX_BYTES);
        file.as_file().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(problem(file.path()), "is larger than 1048576 bytes");
    }

    #[test]
    fn a_text_is_utf_8() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"secret \xff").unwrap();
        assert_eq!(problem(file.path()), "is not UTF-8");
    }
}
