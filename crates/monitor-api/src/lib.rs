//! Serves the registry of the stack's services as their clients know it, and reports the true state of NATS.
//!
//! Services register themselves in a bucket of NATS KV and send their heartbeats there. This program follows the bucket into
//! memory ([`domain`], by [`registry`]), and answers every read from there ([`http`]). While NATS is unavailable, it serves
//! the last known state and says that it is stale. Definitions of services have a bucket of their own, in which nothing expires.
//! Only [`app`] imports all parts.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod registry;
pub mod system_load;
