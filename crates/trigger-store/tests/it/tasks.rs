//! The queue of tasks and those who do them, over SQLite and over a real Postgres, with tasks that do as the test says.

mod crowds;
mod ends;
mod queueing;
mod replica;
mod replicas;
mod script;
