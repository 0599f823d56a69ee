//! Jobs whose pods run on a node: their states, causes and logs. These tests need a cluster with a node.

mod beginnings;
mod causes;
mod clean_up;
mod ends;
mod job;
mod logs;
mod restarts;
mod several_pods;
mod waiting;
