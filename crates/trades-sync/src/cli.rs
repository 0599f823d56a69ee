//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

use crate::config::{SinkKind, VARIABLES};

/// Ships a trading day's metrics from Postgres materialized views to Cloudflare D1.
///
/// A day is read in one transaction, checked, and stored whole: through the receiving API, directly in D1,
/// or in a SQLite file. A day that is stored is replaced; an empty day never replaces one.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = after_help())]
pub struct Cli {
    /// Read settings from a YAML, TOML or JSON file; the environment wins over it
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
    /// `trades-sync` alone means `trades-sync run`
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ship a day, or several; the default command
    Run(RunArgs),
    /// Check every precondition of a run, one line each; nothing is stored
    Check(CheckArgs),
    /// Compare the views with what the sink holds, row by row
    Verify(VerifyArgs),
}

/// What to ship, and where to.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// The day [default: today in REPORT_TIMEZONE]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Backfill: the first day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, requires = "to", conflicts_with = "date")]
    pub from: Option<Date>,
    /// Backfill: the last day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, requires = "from")]
    pub to: Option<Date>,
    /// Where days go [default: SINK, else api]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
    /// Read and check, but store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ship the snapshot document in this file instead of reading the views
    #[arg(long, value_name = "FILE", conflicts_with_all = ["date", "from"])]
    pub input: Option<PathBuf>,
}

/// What to check.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The sink to check [default: SINK, else api]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
}

/// What to compare.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The day [default: today in REPORT_TIMEZONE]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// The sink to read [default: SINK, else api]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
}

fn parse_date(text: &str) -> Result<Date, String> {
    let date = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
    date.ok_or_else(|| "not a day that exists, as YYYY-MM-DD".to_owned())
}

fn after_help() -> String {
    format!(
        "Exit codes:\n  \
         0 done   1 verify: the sink differs   2 usage or configuration   3 the source failed\n  \
         4 nothing for that date   5 rejected or not confirmed by the receiver\n  \
         6 unreachable, the fallback too\n\n{}",
        common::config::help(&VARIABLES)
    )
}
