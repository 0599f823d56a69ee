//! Serves the registry of the stack's services, and reports the true state of NATS.

pub mod domain;
pub mod http;
pub mod system_load;
