//! The registry of the stack's services in NATS KV, for its clients.
//!
//! - [`registration`] registers a service, sends its heartbeats and deregisters it.
//! - [`discovery`] is a live view of the instances of services.
//! - [`bucket_watch`] follows a bucket through restarts, outages and recreations of the server and the bucket.
//! - [`instance`] and [`key`] are the format of the bucket, which other SDKs share.
//!
//! Nothing here reads the environment; a program passes [`NatsSettings`](connection::NatsSettings).

pub mod bucket_watch;
pub mod connection;
pub mod instance;
pub mod key;

mod time;
