//! `trigger-api` from the outside, with real parts.

mod cluster_faults;
mod crashes;
mod endings;
mod http_edges;
mod local_executor;
mod races;
mod store;
mod support;
mod triggering;
