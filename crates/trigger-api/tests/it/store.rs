//! The store, on SQLite and on a real Postgres alike.

mod crash;
mod events;
mod lists;
mod logs_and_retention;
mod outage;
mod properties;
mod recording;
pub(crate) mod relay;
mod saving;
mod start;
pub(crate) mod support;
