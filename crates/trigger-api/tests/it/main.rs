//! `trigger-api` from the outside, with real parts.

mod admission;
mod aliases;
mod analysis_routes;
mod authentication;
mod cluster_faults;
mod crashes;
mod endings;
mod history;
mod http_edges;
mod identical;
mod kubeconfigs;
mod local_streams;
mod memory;
mod on_a_node;
mod openapi;
mod races;
mod registration;
mod rights;
mod second_task;
mod support;
mod triggering;
