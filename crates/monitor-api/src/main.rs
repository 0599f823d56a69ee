//! The `monitor-api` program; see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use monitor_api::{app, cli::Cli};

fn main() -> ExitCode {
    app::run(&Cli::parse())
}
