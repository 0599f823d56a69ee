//! The local executor behind the rules of trigger-core, with real child processes and without a cluster.

mod concurrency;
mod manifests;
mod outcomes;
mod parameters;
mod processes;
mod restarts;
mod test_env;
