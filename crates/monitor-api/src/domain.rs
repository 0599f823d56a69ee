//! The registry in memory, and the rules of definitions. Nothing here depends on NATS or HTTP.
//!
//! [`cache::RegistryCache`] holds what the service serves. One writer applies the changes of the buckets to it; requests read
//! from it, and event streams follow it. Writes of definitions go through [`definitions::Definitions`] to the port
//! [`definition_store::DefinitionStore`]. They reach the cache as changes of the bucket, like those of other writers.

pub mod backend;
pub mod cache;
pub mod clock;
pub mod connection;
pub mod definition;
pub mod definition_rules;
pub mod definition_store;
pub mod definitions;
pub mod event;
pub mod event_ring;
pub mod instance_entry;
pub mod instances;
pub mod json_array;
pub mod queries;
pub mod state;
pub mod subscription;
pub mod unreadable;
