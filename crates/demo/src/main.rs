//! `cargo demo`: the whole platform on one machine, with no cluster, Docker or database to install.
//!
//! An embedded Postgres is filled with sample days; the real `trades-sync` ships one of them into a SQLite
//! file and verifies it row by row. Then the real `trigger-api` is asked over HTTP to run trades-sync's own
//! CronJob, which it does on this machine; the real `curl-trigger` has it analyse the portfolio; and it stays up to
//! be tried. The demo binary carries the programs it starts: called as `demo trades-sync ...` it is `trades-sync`. Only
//! curl-trigger, which is built without the standard library, is a file of its own.

mod analysis;
mod database;
mod day;
mod print;
mod programs;
mod summary;
mod trigger;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Shows a trading day travel from Postgres views into D1's tables, and a job that starts on request
#[derive(Debug, Parser)]
#[command(name = "cargo demo", version)]
struct Args {
    /// Leave when everything was shown, with 0 if it worked
    #[arg(long)]
    exit: bool,
    /// Keep what the demo makes in this folder
    #[arg(long, value_name = "FOLDER", default_value = "target/demo-data")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    if let Some(exit) = programs::run_named() {
        return exit;
    }
    match show(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print::failure(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn show(args: &Args) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::fs::create_dir_all(&args.folder)?;
    let folder = args.folder.canonicalize()?;
    let (sqlite, today) = (folder.join("trades.sqlite"), Timestamp::now().to_zoned(TimeZone::UTC).date());

    print::step("An embedded Postgres, with the four materialized views and a week of sample days");
    let postgres = database::start()?;
    let url = postgres.database_url();
    day::fill(&runtime, &url, today)?;
    day::show(&runtime, &url, today, &sqlite)?;
    runtime.block_on(async {
        let mut api = trigger::start(&folder, &url, &sqlite).await?;
        api.show().await?;
        analysis::show(&api, &folder).await?;
        print::step(&format!("All of it worked, {:.1} s in all", started.elapsed().as_secs_f32()));
        if !args.exit {
            api.stay().await?;
        }
        api.end().await
    })?;
    postgres.shutdown()?;
    Ok(())
}
