//! The `trades-sync` program; see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use trades_sync::{app, cli::Cli};

fn main() -> ExitCode {
    Cli::try_parse().map_or_else(|error| app::usage(&error), app::run)
}
