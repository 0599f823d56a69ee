//! `trigger-api` from the outside, with real parts.

mod admission;
mod authentication;
mod identical;
mod local_executor;
mod rights;
mod openapi;
mod on_a_node;
mod store;
mod support;
mod triggering;
