//! The command line.

use clap::Parser;
use common::service::ServiceArgs;

use crate::config::VARIABLES;

/// Serves the registry of the stack's services, and reports the true state of NATS.
#[derive(Debug, Parser)]
#[command(version, after_help = common::config::help(&VARIABLES))]
pub struct Cli {
    /// What to do.
    #[command(flatten)]
    pub service: ServiceArgs,
}
