//! Jobs whose pods run on a node: their states, causes and logs. These tests need a cluster with a node.

mod cancellation;
mod causes;
mod clean_up;
mod logs;
mod pending;
mod restarts;
mod several_pods;
mod successes;
mod test_env;
