//! The store on SQLite and on a real Postgres.

mod backfill;
mod crash;
mod events;
mod failover;
mod full_disk;
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
mod unobserved;
mod unwritable;
