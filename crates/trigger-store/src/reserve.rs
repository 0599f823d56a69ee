//! Space on the disk of the SQLite file that is kept for deletions.
//!
//! A deletion needs space too: its changed pages are first appended to the write-ahead log. Without a reserve, a history that
//! has filled its disk could not be pruned.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The size of the reserve. The write-ahead log has about 4 MiB before its pages move into the file.
const RESERVE_BYTES: u64 = 8 << 20;
/// The reserve has at most this part of the disk.
const MAX_PART_OF_DISK: u64 = 8;

/// The file that occupies the reserved space.
pub(super) struct Reserve {
    path: PathBuf,
}

/// The size of a disk and its space that this user can use, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    pub(super) size: u64,
    free: u64,
}

impl Disk {
    /// The disk of the folder that contains that file.
    pub(super) fn of(file: &Path) -> io::Result<Self> {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let status = statvfs(folder.unwrap_or(Path::new(".")))?;
        Ok(Self { size: status.f_blocks * status.f_frsize, free: status.f_bavail * status.f_frsize })
    }
}

impl Reserve {
    /// The reserve for that SQLite file.
    pub(super) fn of(database: &str) -> Self {
        Self { path: PathBuf::from(format!("{database}-reserve")) }
    }

    /// Creates the reserve, or extends it, if the disk has enough space to spare.
    pub(super) fn fill(&self) {
        self.fill_but_leave(RESERVE_BYTES);
    }

    /// Creates the reserve again after it was used.
    pub(super) fn refill(&self) {
        self.fill_but_leave(0);
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Deletes the reserve, so that its space can be used. Returns false if there is none.
    pub(super) fn release(&self) -> bool {
        std::fs::remove_file(&self.path).is_ok()
    }

    /// A failure is not reported: the reserve is needed only if the disk becomes full, and that is reported.
    fn fill_but_leave(&self, left: u64) {
        let Ok(disk) = Disk::of(&self.path) else { return };
        let size = RESERVE_BYTES.min(disk.size / MAX_PART_OF_DISK);
        let existing = self.path.metadata().map_or(0, |metadata| metadata.len());
        let possible = size.min(existing + disk.free.saturating_sub(left.min(size)));
        if possible > existing && allocate(&self.path, possible).is_err() && existing == 0 {
            self.release();
        }
    }
}

fn allocate(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
    if fallocate(&file, FallocateFlags::empty(), 0, bytes).is_ok() {
        return Ok(());
    }
    // The file system does not support it.
    io::copy(&mut io::Read::take(io::repeat(0xff), bytes), &mut file).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_created_once_and_can_be_released_once() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(&folder.path().join("runs.sqlite").display().to_string());
        assert!(!reserve.release());
        for _ in 0..2 {
            reserve.fill();
            assert_eq!(reserve.path.metadata().unwrap().len(), RESERVE_BYTES);
        }
        assert!(reserve.release() && !reserve.release());
    }
}
