//! The task `portfolio-analysis` on a real Postgres.

mod connecting;
mod failures;
mod odd_columns;
mod pages;
mod reference;
mod support;
