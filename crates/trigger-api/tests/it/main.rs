//! `trigger-api` from the outside, with real parts.

mod cluster_faults;
mod local_executor;
mod races;
mod store;
mod support;
mod triggering;
