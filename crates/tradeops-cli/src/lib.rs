//! The operator's command. It talks to two servers: trigger-api, which starts, follows and cancels runs, and the API server of
//! the cluster, which has the pods, events and settings of the release.
//!
//! [`api`] is the client of trigger-api. It finds trigger-api by `TRADEOPS_URL`, or through a port-forward in this process, so
//! no other process is left behind. Requests that start a run have an `Idempotency-Key`, so they can be sent again when an
//! answer is lost, and streams are resumed where they were interrupted. [`cluster`] reads the objects of the release and
//! derives what is wrong with them. Both report errors as a [`failure::Failure`], which has a text for people, the next
//! command to type, and an [`outcome::Outcome`], which is the exit code. [`commands`] has one file for each command.

pub mod api;
pub mod app;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod failure;
pub mod hints;
pub mod outcome;
pub mod output;
