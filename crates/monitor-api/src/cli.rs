//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config::VARIABLES;

/// Serves the registry of the stack's services, and reports the true state of NATS.
#[derive(Debug, Parser)]
#[command(version, after_help = common::config::help(&VARIABLES))]
pub struct Cli {
    /// Read settings from a YAML, TOML or JSON file [default: the file that the environment variable
    /// CONFIG_FILE names]; the environment has precedence
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Command {
    /// Serve; the default command
    Serve,
    /// Check whether monitor-api on this machine is ready; exit 0 if it is. For images that have no shell
    Healthcheck,
    /// Print the OpenAPI document
    Openapi,
}
