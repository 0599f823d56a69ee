//! The command line.

use clap::Parser;
use common::service::ServiceArgs;

use crate::config::VARIABLES;

/// Starts the same Job that a CronJob would start, follows it and stores its history.
///
/// If only CRONJOB_NAME is set, `POST /trigger-sync` starts a Job of that CronJob.
#[derive(Debug, Parser)]
#[command(version, after_help = common::config::help(&VARIABLES))]
pub struct Cli {
    /// What to do.
    #[command(flatten)]
    pub service: ServiceArgs,
}
