//! Resolving names to addresses.
//!
//! [`config`] parses `/etc/resolv.conf` and `/etc/hosts`, [`message`] encodes and decodes DNS messages (RFC 1035), and
//! [`lookup`] decides which query to send to which server and when a lookup ends.

pub mod config;
pub mod lookup;
pub mod message;
mod wire;
