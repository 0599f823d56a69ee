//! The `trades-sync` program; the library describes it.

use std::process::ExitCode;

use clap::Parser;
use trades_sync::{app, cli::Cli};

fn main() -> ExitCode {
    Cli::try_parse().map_or_else(|error| app::usage(&error), app::run)
}
