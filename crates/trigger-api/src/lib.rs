//! Starts the very Job a CronJob would start, when a dashboard or an operator asks, follows it and remembers it.
pub mod domain;
pub mod http;
pub mod kubernetes;
pub mod store;
pub mod local;
