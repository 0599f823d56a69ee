//! The memory of the process, and the share of it that connections may use.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::connections::OPEN_STREAM_BYTES;

/// The limit that is assumed where the process has none.
const DEFAULT_LIMIT: MemorySize = MemorySize(256 << 20);
/// Cgroup v1 reports a number near `i64::MAX` instead of "no limit".
const UNLIMITED_V1: u64 = 1 << 60;

/// A number of bytes, such as `64Mi`: with the suffixes of Kubernetes' quantities, or a plain number.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MemorySize(u64);

/// A text that is not a size.
#[derive(Debug, thiserror::Error)]
#[error("write a number of bytes of at least 32Mi, such as 64Mi or 1Gi")]
pub struct MemorySizeError;

/// How the memory of a process is divided. The rest is for its code, its caches, its tasks and its allocator.
#[derive(Clone, Copy, Debug)]
pub(super) struct MemoryPlan {
    /// What all connections may hold together, in bytes.
    pub(super) connections: usize,
}

impl MemorySize {
    /// The smallest limit with which a service can run.
    const MIN: Self = Self(32 << 20);

    /// The limit of the process's control group, or 256Mi where there is none.
    pub fn of_process() -> Self {
        limit_of_cgroup(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup")).unwrap_or(DEFAULT_LIMIT)
    }

    /// The number of bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for MemorySize {
    type Err = MemorySizeError;

    fn from_str(text: &str) -> Result<Self, MemorySizeError> {
        let (digits, shift) = match text.trim() {
            text if text.ends_with("Ki") => (&text[..text.len() - 2], 10),
            text if text.ends_with("Mi") => (&text[..text.len() - 2], 20),
            text if text.ends_with("Gi") => (&text[..text.len() - 2], 30),
            text => (text, 0),
        };
        let number: u64 = digits.parse().map_err(|_| MemorySizeError)?;
        let size = number.checked_mul(1 << shift).map(Self).filter(|size| *size >= Self::MIN);
        size.ok_or(MemorySizeError)
    }
}

impl MemoryPlan {
    /// Connections get 7/16 of the limit: 28 MiB of 64 MiB.
    pub(super) fn of(limit: MemorySize) -> Self {
        let connections = usize::try_from(limit.0 / 16 * 7).unwrap_or(usize::MAX);
        Self { connections }
    }

    /// The number of streams that leave a quarter of the connections' memory to other requests.
    pub(super) fn max_streams(self) -> usize {
        self.connections / 4 * 3 / OPEN_STREAM_BYTES
    }
}

/// The memory limit of the control group in which this file of procfs places the process. A container usually sees its
/// own group as the root of the hierarchy, and with cgroup v1 also the path that the group has on the node.
fn limit_of_cgroup(membership: &Path, hierarchy: &Path) -> Option<MemorySize> {
    let membership = fs::read_to_string(membership).ok()?;
    let candidates = membership.lines().filter_map(|line| {
        let (_, line) = line.split_once(':')?;
        let (controllers, path) = line.split_once(':')?;
        let path = path.trim_start_matches('/');
        match controllers {
            "" => Some((hierarchy.to_owned(), path, "memory.max")),
            _ if controllers.split(',').any(|name| name == "memory") => {
                Some((hierarchy.join("memory"), path, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    candidates
        .flat_map(|(root, path, file)| [root.join(path).join(file), root.join(file)])
        .find_map(|file: PathBuf| fs::read_to_string(file).ok()?.trim().parse().ok())
        .filter(|bytes| *bytes < UNLIMITED_V1)
        .map(|bytes: u64| MemorySize(bytes).max(MemorySize::MIN))
}

#[cfg(test)]
mod tests {
    use super::{MemorySize, limit_of_cgroup};
    use std::fs;

    #[test]
    fn a_size_has_the_suffixes_of_kubernetes() {
        let bytes = |text: &str| text.parse::<MemorySize>().ok().map(MemorySize::bytes);
        assert_eq!(bytes("64Mi"), Some(64 << 20));
        assert_eq!(bytes(" 1Gi"), Some(1 << 30));
        assert_eq!(bytes("65536Ki"), Some(64 << 20));
        assert_eq!(bytes("67108864"), Some(64 << 20));
        for wrong in ["", "64", "31Mi", "64M", "64 Mi", "-1Gi", "99999999999Gi"] {
            assert_eq!(bytes(wrong), None, "{wrong:?}");
        }
    }

    /// The limit in a hierarchy with one file.
    fn limit(membership: &str, file: &str, content: &str) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cgroup").join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        let procfs = folder.path().join("membership");
        fs::write(&procfs, membership).unwrap();
        limit_of_cgroup(&procfs, &folder.path().join("cgroup")).map(MemorySize::bytes)
    }

    #[test]
    fn the_limit_is_that_of_the_control_group_of_either_version() {
        assert_eq!(limit("0::/\n", "memory.max", "67108864\n"), Some(64 << 20));
        assert_eq!(limit("0::/kubepods/x\n", "kubepods/x/memory.max", "67108864\n"), Some(64 << 20));
        assert_eq!(limit("0::/../x\n", "memory.max", "67108864\n"), Some(64 << 20));
        let version_1 = "5:cpu:/\n4:memory:/kubepods/x\n0::/\n";
        assert_eq!(limit(version_1, "memory/memory.limit_in_bytes", "67108864\n"), Some(64 << 20));
        assert_eq!(limit(version_1, "memory/kubepods/x/memory.limit_in_bytes", "67108864\n"), Some(64 << 20));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        assert_eq!(limit("0::/\n", "memory.max", "max\n"), None);
        assert_eq!(limit("4:memory:/\n", "memory/memory.limit_in_bytes", "9223372036854771712\n"), None);
        assert_eq!(limit("", "memory.max", "67108864\n"), None);
    }
}
