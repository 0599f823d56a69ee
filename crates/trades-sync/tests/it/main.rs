//! `trades-sync` from the outside: the built program, a real Postgres, workerd with a real D1.

mod backfill;
mod bad_input;
mod check;
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
mod together;
mod verify;
