//! Runs Jobs in a Kubernetes cluster.
//!
//! [`changes`] lists and watches objects. [`watch`] applies the changes of the targets' CronJobs, of Jobs and of their pods
//! to the [`cache`].
//! [`state`] and [`cause`] derive the state of a run, and its cause, from a Job and its pods. [`template`] builds a Job
//! from a CronJob. [`rights`] has the rights that the API server denies. [`admission_check`] tries out the admission policy. [`logs`] follows
//! the logs of running containers, and [`ended_runs`] stores their tails. [`shared_reads`] limits the number of reads before starts.
//! [`executor`] combines them.

pub mod config;
pub mod executor;

mod admission_check;
mod cache;
mod cause;
mod changes;
mod client;
mod ended_runs;
mod error;
mod events;
mod health;
mod list_splitter;
mod listing;
mod logs;
mod newest_runs;
mod object_list;
mod objects;
mod pods;
mod reconcile;
mod rights;
mod shared;
mod shared_reads;
mod snapshot;
mod state;
mod template;
mod unlisted;
mod watch;
