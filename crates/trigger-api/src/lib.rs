//! Starts the same Job that a CronJob would start, when a dashboard or an operator requests it, follows the run and stores its
//! history; and executes tasks of its own.
//!
//! Targets are an allow-list; nothing else can be started. The rules are in [`trigger_core`]. This crate has the parts of the
//! program around them: [`http`] is the interface, [`kubernetes`] runs Jobs in a cluster, and [`config`] reads the settings.
//! The history is in [`trigger_store`], and [`tasks`] lists the tasks. Only [`app`] imports all of them.
//!
//! The cluster is the authority on running Jobs. The history keeps what the cluster deletes: runs after the clean-up of
//! their Jobs, and the tails of their logs. Every write can be repeated: the name of a Job identifies its request, and the
//! cluster creates only one Job of a name.

pub mod app;
pub mod cli;
pub mod config;
pub mod http;
pub mod kubernetes;
pub mod tasks;
