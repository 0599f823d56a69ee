//! Targets, runs and the rules by which runs start. It does no I/O and knows neither axum, kube nor sqlx:
//! what it needs from them are the traits in [`ports`].

pub mod dispatcher;
pub mod event;
pub mod feed;
pub mod log_buffers;
pub mod naming;
pub mod ports;
pub mod recorder;
pub mod request;
pub mod run;
pub mod runner;
pub mod schedule;
pub mod target;
pub mod target_snapshot;
pub mod task;
pub mod task_queue;
