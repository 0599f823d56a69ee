//! The registry's client against real NATS servers.

mod bucket;
mod bucket_differences;
mod bucket_faults;
mod bucket_lost_messages;
mod bucket_outages;
mod bucket_permissions;
mod cluster;
mod discovery;
mod registration;
mod registration_outages;
mod services;
mod upgrade;
mod watched;
