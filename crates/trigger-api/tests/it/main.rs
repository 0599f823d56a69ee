//! `trigger-api` from the outside, with real parts.

mod admission;
mod analysis_routes;
mod authentication;
mod cluster_faults;
mod crashes;
mod endings;
mod http_edges;
mod identical;
mod local_executor;
mod on_a_node;
mod openapi;
mod portfolio_analysis;
mod races;
mod rights;
mod store;
mod support;
mod tasks;
mod triggering;
