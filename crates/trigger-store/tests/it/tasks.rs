//! The task queue and its runners on SQLite and on a real Postgres, with tasks that the tests control.

mod concurrency;
mod failures;
mod outcomes;
mod queueing;
mod replica;
mod scripted_task;
