//! Starts the very Job a CronJob would start, when a dashboard or an operator asks, follows it and remembers it.
//!
//! Targets are an allow-list; nothing else can be started. [`domain`] has the rules and does no I/O; [`kubernetes`] and
//! [`local`] run Jobs, in a cluster and on this machine; [`tasks`] are work of this process; [`store`] remembers runs in
//! SQLite or Postgres; [`http`] is the interface. They know the domain and not each other; [`app`] alone sees all of them.
//!
//! The cluster is the record of what runs. The store keeps what the cluster forgets: runs after their Jobs' clean-up,
//! and the ends of their logs. Every write may be repeated: a Job's name says which request it is for, and the cluster
//! makes a Job of one name once.

pub mod app;
pub mod cli;
pub mod config;
pub mod http;
pub mod kubernetes;
pub mod tasks;
