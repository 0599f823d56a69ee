//! The core of `curl-trigger`: everything it decides, and nothing it does.
//!
//! `curl-trigger` is the one program in a `FROM scratch` image. A Kubernetes `CronJob` starts it to call an
//! HTTP API, as it would start `curl`, and reads its exit code. This library has no I/O, no clock and no
//! operating system in it (`no_std` + `alloc`): state machines take bytes and moments and give bytes and
//! deadlines, so that every rule is tested without a socket. `src/program/` moves the bytes.
//!
//! - [`options`] and [`environment`] say what was asked for, [`plan`] turns it into one checked request;
//! - [`session`] says what to do next: send, pause, end; it holds [`retry`], [`redirect`] and [`wait`];
//! - [`dns`] finds addresses, [`request`] and [`response`] speak HTTP/1.1 (RFC 9112);
//! - [`certificate`] reads the server's certificate where it is its own root;
//! - [`report`], [`write_out`] and [`exit`] tell people and Kubernetes what happened.
//!
//! A moment is a [`core::time::Duration`] since the program's start.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod certificate;
pub mod dns;
pub mod environment;
pub mod exit;
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
