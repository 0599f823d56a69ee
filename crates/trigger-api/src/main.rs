//! The `trigger-api` program; see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use trigger_api::{app, cli::Cli};

fn main() -> ExitCode {
    app::run(&Cli::parse())
}
