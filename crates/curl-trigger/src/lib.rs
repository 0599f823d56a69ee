//! The core of `curl-trigger`: all decisions, without I/O.
//!
//! `curl-trigger` is the only program in a `FROM scratch` image. A Kubernetes `CronJob` runs it in place of `curl`
//! to call an HTTP API; its exit code is the result of the Job. This library is `no_std` with `alloc` and uses
//! neither sockets nor clocks: its state machines take bytes and times and return bytes and deadlines, so that
//! every rule is tested without a socket. `src/program/` does the I/O.
//!
//! - [`options`] parses the arguments; [`plan`] combines them with the [`environment`] into one checked request;
//! - [`session`] decides the next step (send, pause, finish) with the rules of [`retry`], [`redirect`] and [`wait`];
//! - [`dns`] resolves names; [`request`] and [`response`] implement HTTP/1.1 (RFC 9112);
//! - [`certificate`] checks a server certificate that is itself a trusted root;
//! - [`report`], [`write_out`] and [`exit`] define the messages and exit codes.
//!
//! All times are [`core::time::Duration`]s since the program's start.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod address;
pub mod certificate;
pub mod dns;
pub mod encoding;
pub mod environment;
pub mod exit;
pub mod files;
pub mod header;
pub mod http_date;
pub mod idempotency;
pub mod json;
pub mod options;
pub mod plan;
pub mod redirect;
pub mod report;
pub mod request;
pub mod response;
pub mod retry;
pub mod secret;
pub mod session;
pub mod text;
pub mod url;
pub mod wait;
pub mod write_out;
