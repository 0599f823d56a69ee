//! The store, on SQLite and on a real Postgres alike.

mod bare_root;
mod crash;
mod events;
mod failover;
mod health;
mod lists;
mod logs_and_retention;
mod outage;
mod pooler;
mod properties;
mod recording;
pub(crate) mod relay;
mod saving;
mod start;
pub(crate) mod support;
mod unsaved;
