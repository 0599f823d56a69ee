//! Texts for the system's error numbers.

use alloc::{
    format,
    string::{String, ToString},
};

use rustix::io::Errno;

/// The text for an error.
pub(crate) fn describe(error: Errno) -> String {
    let text = match error {
        Errno::CONNREFUSED => "connection refused",
        Errno::CONNRESET => "connection reset by peer",
        Errno::PIPE => "closed by peer",
        Errno::HOSTUNREACH => "no route to the host",
        Errno::NETUNREACH => "network unreachable",
        Errno::TIMEDOUT => "connection timed out",
        Errno::NOENT => "no such file",
        Errno::ROFS => "the file system is read-only; mount a volume there, such as an emptyDir",
        Errno::ACCESS | Errno::PERM => "permission denied",
        Errno::ISDIR => "it is a directory",
        Errno::NOSPC => "no space left",
        Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL => "this machine does not support the address",
        _ => return format!("system error {}", i64::from(error.raw_os_error()).unsigned_abs()),
    };
    text.to_string()
}
