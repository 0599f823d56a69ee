//! `trigger-api` from the outside, with real parts.

mod identical;
mod local_executor;
mod store;
mod support;
mod triggering;
