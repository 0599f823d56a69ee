//! Runs Jobs in a Kubernetes cluster.
//!
//! [`watch`] receives changes of the targets' CronJobs, of Jobs and of their pods, and applies them to the [`cache`].
//! [`state`] and [`cause`] derive the state of a run, and its cause, from a Job and its pods. [`template`] builds a Job
//! from a CronJob. [`logs`] follows the logs of running containers. [`executor`] combines them.

pub mod executor;

mod cache;
mod cause;
mod client;
mod error;
mod events;
mod health;
mod listing;
mod logs;
mod objects;
mod pods;
mod reconcile;
mod shared;
mod snapshot;
mod state;
mod template;
mod watch;
