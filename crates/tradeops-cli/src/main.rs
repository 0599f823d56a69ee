//! The `tradeops` program; see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use tradeops_cli::app;
use tradeops_cli::cli::Cli;

fn main() -> ExitCode {
    app::run(Cli::parse())
}
