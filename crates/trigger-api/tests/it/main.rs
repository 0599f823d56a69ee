//! `trigger-api` from the outside, with real parts.

mod store;
