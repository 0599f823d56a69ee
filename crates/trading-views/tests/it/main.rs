//! The views on a real Postgres.

mod finding;
mod readings;
mod support;
