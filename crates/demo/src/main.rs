//! `cargo demo`: the whole platform on one machine, without a cluster, Docker or an installed database.
//!
//! The demo fills an embedded Postgres with sample days. `trades-sync` stores one of them in a SQLite file and verifies it row by
//! row. `trigger-api` then receives an HTTP request to run trades-sync's CronJob, and runs it on this machine. `curl-trigger`
//! starts an analysis of the portfolio. If there is a nats-server, `monitor-api` shows the registry of services, and an outage of
//! NATS. Then the services run until Ctrl-C. The demo binary contains the programs that it starts: `demo trades-sync ...` is
//! `trades-sync`. Only curl-trigger, which is built without the standard library, is a separate file.

mod analysis;
mod database;
mod day;
mod history;
mod monitor;
mod nats;
mod ports;
mod print;
mod programs;
mod services;
mod summary;
mod trigger;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::nats::NatsServer;

/// Copies a trading day from Postgres views into the tables of D1, and starts a job on request
#[derive(Debug, Parser)]
#[command(name = "cargo demo", version)]
struct Args {
    /// Exit after the last step; the exit code is 0 if every step succeeded
    #[arg(long)]
    exit: bool,
    /// Write files to this folder
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
        let nats = NatsServer::start_if_found(&folder).await?;
        let nats_url = nats.as_ref().map(NatsServer::url);
        let mut api = trigger::start(&folder, &url, &sqlite, nats_url.as_deref()).await?;
        api.show().await?;
        api.show_parameter(database::week(today)?[0]).await?;
        history::show(&api).await?;
        analysis::show(&api, &folder).await?;
        let registry = match nats {
            Some(nats) => Some(monitor::show(nats, &folder).await?),
            None => None,
        };
        print::step(&format!("Every step succeeded, in {:.1} s", started.elapsed().as_secs_f32()));
        if !args.exit {
            if let Some(registry) = &registry {
                registry.print_addresses();
            }
            api.stay().await?;
        }
        api.end().await?;
        match registry {
            Some(registry) => registry.end().await,
            None => Ok(()),
        }
    })?;
    postgres.shutdown()?;
    Ok(())
}
