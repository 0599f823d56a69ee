//! Targets, runs and the rules by which runs start. It does no I/O and knows neither axum, kube nor sqlx:
//! what it needs from them are the traits in [`ports`].

pub mod crew;
pub mod dispatcher;
pub mod event;
pub mod feed;
pub mod log_book;
pub mod naming;
pub mod ports;
pub mod queue;
pub mod recorder;
pub mod request;
pub mod run;
pub mod schedule;
pub mod situation;
pub mod target;
pub mod task;
