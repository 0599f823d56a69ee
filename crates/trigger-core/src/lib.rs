//! Targets, runs and the rules by which runs start: the core of trigger-api, without axum, kube, sqlx or reqwest.
//!
//! [`runs::Runs`] is the entry point. It has three ports: [`executor::Executor`] runs Jobs,
//! [`run_store::RunStore`] keeps the history, and [`task_store::TaskStore`] keeps the queue of tasks. The crate does no I/O
//! of its own, but it has timers, and a thread for each run of a task.

pub mod access;
pub mod backfill;
pub mod cronjob;
pub mod event;
pub mod executor;
pub mod feed;
pub mod log_buffers;
pub mod log_interval;
pub mod log_text;
pub mod naming;
pub mod parameters;
pub mod pruner;
pub mod recorder;
pub mod request;
pub mod right;
pub mod run;
pub mod run_store;
pub mod runner;
pub mod runs;
pub mod schedule;
pub mod start;
pub mod store_error;
pub mod target;
pub mod target_name;
pub mod target_watch;
pub mod task;
pub mod task_context;
pub mod task_queue;
pub mod task_store;

mod dispatcher;
mod overlap;
mod unsaved;
