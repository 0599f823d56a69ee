//! The system's error numbers in words.

use alloc::{
    format,
    string::{String, ToString},
};

use rustix::io::Errno;

/// What an error means, for a person.
pub(crate) fn words(error: Errno) -> String {
    let known = match error {
        Errno::CONNREFUSED => "connection refused",
        Errno::CONNRESET => "connection reset by the other side",
        Errno::PIPE => "closed by the other side",
        Errno::HOSTUNREACH => "no route to the host",
        Errno::NETUNREACH => "network unreachable",
        Errno::TIMEDOUT => "no answer from the network",
        Errno::NOENT => "no such file",
        Errno::ACCESS | Errno::PERM => "permission denied",
        Errno::ISDIR => "it is a directory",
        Errno::NOSPC => "no space left",
        Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL => "this machine has no such kind of address",
        _ => return format!("system error {}", error.raw_os_error()),
    };
    known.to_string()
}
