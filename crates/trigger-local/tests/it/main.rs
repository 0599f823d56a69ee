//! The local executor through the dispatcher and the executor's trait: real child processes, no cluster.

mod dispatching;
mod machine;
mod manifests;
mod outcomes;
mod processes;
mod restarts;
