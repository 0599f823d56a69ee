//! The registry's client against real NATS servers.

mod bucket;
mod bucket_faults;
mod bucket_outages;
mod cluster;
mod upgrade;
mod watched;
