//! `monitor-api` from the outside. Most tests drive the routes with a store of definitions in memory; those of `nats` run the
//! program on real servers.

#![expect(clippy::unwrap_used, reason = "a failed preparation must fail its test")]

mod access;
mod errors;
mod events;
mod freshness;
mod instances;
mod memory_store;
mod nats;
mod openapi;
mod program;
mod reports;
mod routing;
mod services;
mod support;
mod validation;
