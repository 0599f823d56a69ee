//! trigger-api with its local executor, for the tests of `tradeops`: they start it as a process.

use std::process::ExitCode;

use clap::Parser;
use trigger_api::app;
use trigger_api::cli::Cli;

fn main() -> ExitCode {
    app::run(&Cli::parse())
}
