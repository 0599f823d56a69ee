//! Runs Jobs in a Kubernetes cluster.
//!
//! [`watch`] hears of the targets' CronJobs, of Jobs and of their pods, and keeps what matters of them in a [`view`];
//! [`state`] and [`cause`] say what a Job's fields mean; [`template`] makes a Job out of a CronJob; [`logs`] reads along
//! while containers run. [`executor`] puts them together.

pub mod executor;

mod calls;
mod cause;
mod error;
mod events;
mod health;
mod logs;
mod objects;
mod reconcile;
mod shared;
mod state;
mod template;
mod view;
mod watch;
