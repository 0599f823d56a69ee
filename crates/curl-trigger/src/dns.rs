//! Names to addresses, as a cluster's pods need it.
//!
//! [`config`] reads `/etc/resolv.conf` and `/etc/hosts`, [`message`] reads and writes DNS messages
//! (RFC 1035), and [`lookup`] decides which questions go to whom and when to stop.

pub mod config;
pub mod lookup;
pub mod message;
