//! The SQLite file as a file: whether it is still the opened one, and how large it may be.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use super::reserve::{Disk, Reserve};

/// The database may use at most this part of its disk. The rest is for the write-ahead log, the reserve, and others.
const MAX_PART_OF_DISK: u64 = 2;

/// Identifies the file that was opened. If it is deleted or replaced, it stays open, and later writes are
/// lost when it is closed.
pub(super) struct SqliteFile {
    path: String,
    opened: OnceLock<(u64, u64)>,
    pub(super) reserve: Reserve,
}

impl SqliteFile {
    /// The file at that path, which may not exist yet.
    pub(super) fn at(path: String) -> Self {
        Self { opened: OnceLock::new(), reserve: Reserve::of(&path), path }
    }

    /// Whether the file at the path is missing now, or is not the one of the first call that found a file.
    pub(super) fn is_replaced(&self) -> bool {
        match (self.opened.get(), identity(&self.path)) {
            (Some(opened), found) => found != Some(*opened),
            (None, Some(found)) => self.opened.set(found).is_err(),
            (None, None) => false,
        }
    }

    /// The maximum size of the file, for a limit of the settings: it must also fit on the disk.
    pub(super) fn max_bytes(&self, limit: u64) -> u64 {
        let disk = Disk::of(Path::new(&self.path));
        disk.map_or(limit, |disk| limit.min(disk.size / MAX_PART_OF_DISK))
    }
}

/// The device and the inode number.
fn identity(path: &str) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
