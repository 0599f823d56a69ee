//! Ships a trading day's metrics from Postgres materialized views to Cloudflare D1.
//!
//! A day is read in one read-only transaction ([`source`]), checked and put into the shape of the
//! snapshot contract ([`domain`]; the contract is `docs/API.md`), and stored whole by one of three
//! sinks ([`sink`]): the receiving API, D1's own HTTP API, or a SQLite file. Every sink replaces the
//! day in one transaction, so a reader sees the old day or the new one, and a repeat does no harm.
//!
//! `domain` knows neither sqlx nor reqwest; `source` and `sink` know `domain` and their own client;
//! [`app`] alone sees all of them.

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
mod report;
mod verify;
