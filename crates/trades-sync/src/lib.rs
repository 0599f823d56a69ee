//! Ships a trading day's metrics from Postgres materialized views to Cloudflare D1.
//!
//! A day is read in one read-only transaction ([`source`]), checked and converted to a snapshot ([`domain`]; the contract
//! is `docs/API.md`), and stored by one of three sinks ([`sink`]): the receiving API, D1's HTTP API, or a SQLite file.
//! Each sink replaces the day in one transaction, so that readers see either the old day or the new one, and storing a
//! day again is safe.
//!
//! `domain` imports neither sqlx nor reqwest. `source` and `sink` import `domain` and their own client, and [`config`]
//! imports none of them. `wiring` creates the source and the sinks from the configuration for the commands.

pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod error;
pub mod sink;
pub mod source;

mod backfill;
mod check;
mod day;
mod plural;
mod report;
mod verify;
mod wiring;
