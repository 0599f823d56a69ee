//! `trigger-api` from the outside, with real parts.

mod local_executor;
mod on_a_node;
mod store;
mod support;
mod triggering;
