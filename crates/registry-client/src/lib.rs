//! The registry of the stack's services in NATS KV, for its clients.
//!
//! - [`registry`] is the entry point of a service: it connects, and starts the next two.
//! - [`registration`] registers a service, sends its heartbeats and deregisters it.
//! - [`discovery`] is a live view of the instances of services.
//! - [`bucket`] opens a bucket, and creates it if it is absent.
//! - [`bucket_watch`] follows a bucket through restarts, outages and recreations of the server and the bucket.
//! - [`instance`] and [`key`] are the format of the bucket, which other SDKs share.
//!
//! Nothing here reads the environment; a program passes [`RegistrySettings`](settings::RegistrySettings) or
//! [`NatsSettings`](connection::NatsSettings). With the feature `configuration`, the module of that name makes them from the
//! variables that all programs share.

pub mod bucket;
pub mod bucket_watch;
#[cfg(feature = "configuration")]
pub mod configuration;
pub mod connection;
pub mod discovery;
pub mod instance;
pub mod key;
pub mod registration;
pub mod registry;
pub mod settings;

mod time;
