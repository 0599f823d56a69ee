//! What becomes of Jobs whose pods really run: their states, why they fail, and their logs. It takes a cluster with a
//! node.

mod beginnings;
mod causes;
mod clean_up;
mod ends;
mod job;
mod logs;
mod restarts;
mod several_pods;
mod waiting;
