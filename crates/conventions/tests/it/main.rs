//! The project's conventions, checked against its own files.

mod chart_settings;
mod crate_graph;
mod file_cycles;
mod modules;
mod settings;
mod sizes;
mod sources;
mod type_names;
