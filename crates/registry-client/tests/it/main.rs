//! The registry's client against real NATS servers.

mod bucket;
mod bucket_faults;
mod bucket_outages;
mod cluster;
mod discovery;
mod registration;
mod registration_outages;
mod services;
mod upgrade;
mod watched;
