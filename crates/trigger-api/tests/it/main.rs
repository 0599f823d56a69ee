//! `trigger-api` from the outside, with real parts.

mod admission;
mod aliases;
mod analysis_routes;
mod authentication;
mod cluster_faults;
mod crashes;
mod dashboard;
mod endings;
mod history;
mod http_edges;
mod identical;
mod kubeconfigs;
mod local_streams;
mod memory;
mod on_a_node;
mod openapi;
mod parameters;
mod races;
mod registration;
mod retries;
mod rights;
mod roles;
mod second_task;
mod settings;
mod support;
mod triggering;
