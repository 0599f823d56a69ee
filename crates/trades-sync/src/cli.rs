//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

use crate::config::{SinkKind, VARIABLES, parse_date};

/// Ships a trading day's metrics from Postgres materialized views to Cloudflare D1.
///
/// A day is read in one transaction, checked, and stored in one transaction: through the receiving API, directly in D1,
/// or in a SQLite file. It replaces the stored day of the same date. An empty day never replaces a stored one.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = after_help())]
pub struct Cli {
    /// Read settings from a YAML, TOML or JSON file; environment variables take precedence
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The command
    #[command(subcommand)]
    pub command: Option<Command>,
    /// `trades-sync` without a command is `trades-sync run`
    #[command(flatten)]
    pub run: RunArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ship one or more days (the default command)
    Run(RunArgs),
    /// Check every precondition of a run, one line each; nothing is stored
    Check(CheckArgs),
    /// Compare the views with the content of the sink, row by row
    Verify(VerifyArgs),
}

/// The days to ship, and the sink.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// The day [default: SYNC_DATE, or today in REPORT_TIMEZONE]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Backfill: the first day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, requires = "to", conflicts_with = "date")]
    pub from: Option<Date>,
    /// Backfill: the last day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date, requires = "from")]
    pub to: Option<Date>,
    /// The sink that days are stored in [default: the setting SINK]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
    /// Read and check, but store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Ship the snapshot document in this file instead of reading the views
    #[arg(long, value_name = "FILE", conflicts_with_all = ["date", "from"])]
    pub input: Option<PathBuf>,
}

/// The sink to check.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The sink to check [default: the setting SINK]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
}

/// The day and the sink to compare.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// The day [default: SYNC_DATE, or today in REPORT_TIMEZONE]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// The sink to read [default: the setting SINK]
    #[arg(long, value_enum)]
    pub sink: Option<SinkKind>,
}

fn after_help() -> String {
    format!(
        "Exit codes:\n  \
         0 success   1 verify: the sink differs   2 usage or configuration   3 the source failed\n  \
         4 no data for the date   5 rejected or not confirmed by the sink\n  \
         6 the sink is unreachable, and the fallback too\n\n{}",
        common::config::help(&VARIABLES)
    )
}
