//! Registers a service of the stack in NATS KV, sends its heartbeats, and discovers other services.

pub mod instance;
