//! The task `portfolio-analysis` on a real Postgres.

mod column_types;
mod connecting;
mod failures;
mod layout;
mod pages;
mod reference;
mod requests;
mod support;
mod unusual_rows;
