//! `cargo demo`: the whole platform on one machine, with no cluster, Docker or database to install.
//!
//! An embedded Postgres is filled with sample days; the real `trades-sync` ships one of them into a SQLite
//! file and verifies it row by row; a summary shows what arrived. The demo binary carries the programs it
//! starts: called as `demo trades-sync ...` it is `trades-sync`.

mod database;
mod day;
mod print;
mod programs;
mod summary;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use jiff::civil::{Date, date};

/// The day that is shipped.
const DAY: Date = date(2026, 2, 11);

/// Shows a trading day travel from Postgres views into D1's tables
#[derive(Debug, Parser)]
#[command(name = "cargo demo", version)]
struct Args {
    /// Leave when the day is verified [the demo has nothing yet that stays up]
    #[arg(long)]
    exit: bool,
    /// Keep the shipped day in this SQLite file [default: target/demo/trades.sqlite]
    #[arg(long, value_name = "FILE", default_value = "target/demo/trades.sqlite", hide_default_value = true)]
    sqlite: PathBuf,
}

fn main() -> ExitCode {
    if let Some(exit) = programs::run_named() {
        return exit;
    }
    let args = Args::parse();
    match day::show(DAY, &args.sqlite) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::failure(error.as_ref());
            ExitCode::FAILURE
        }
    }
}
