//! Tests of the built `trades-sync` program with a real Postgres, and with workerd and its D1.

mod backfill;
mod bad_input;
mod check;
mod concurrent_runs;
mod confirmation;
mod faults;
mod fixtures;
mod observability;
mod properties;
mod real_days;
mod sinks;
mod source_failures;
mod source_values;
mod sqlite;
mod support;
mod tls;
mod verify;
