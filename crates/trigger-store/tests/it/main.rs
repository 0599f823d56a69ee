//! The store on SQLite and on a real Postgres.

mod crash;
mod events;
mod failover;
mod lists;
mod logs_and_retention;
mod outage;
mod pooler;
mod properties;
mod recording;
mod saving;
mod start;
mod support;
mod tasks;
mod unwritable;
