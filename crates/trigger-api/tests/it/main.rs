//! `trigger-api` from the outside, with real parts.

mod store;
mod support;
mod triggering;
