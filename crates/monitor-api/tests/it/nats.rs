//! The program on real NATS servers.

mod cluster;
mod definition_buckets;
mod definitions;
mod entries;
mod event_stream;
mod foreign_values;
mod load;
mod outages;
mod permissions;
mod registry_bucket;
mod running_program;
mod secrecy;
mod tls;
