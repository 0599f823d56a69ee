//! The built program against the real trigger-api with its local executor, through connections that break, and against a real
//! API server.

mod api_server;
mod exit_codes;
mod in_a_cluster;
mod interruptions;
mod lists;
mod local_api;
mod program;
mod release;
mod starts;
