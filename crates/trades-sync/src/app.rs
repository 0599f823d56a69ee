//! Wires settings, source and sinks together; the one place that sees them all.

use std::path::PathBuf;
use std::process::ExitCode;

use common::shutdown;
use common::telemetry::Telemetry;

use crate::backfill;
use crate::check;
use crate::cli::{Cli, Command, RunArgs, VerifyArgs};
use crate::config::Config;
use crate::day::{self, Sinks};
use crate::error::SyncError;
use crate::report::{self, Summary};
use crate::source::Source;
use crate::verify;

/// Prints the help that was asked for, or what is wrong with the arguments; the latter is the termination message too.
pub fn usage(error: &clap::Error) -> ExitCode {
    // Where standard output is closed, there is nobody to read it.
    let _ = error.print();
    if error.use_stderr() {
        report::leave_message(&error.to_string(), message_path(None).as_deref());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Where the termination message goes, also if the other settings can't be read.
fn message_path(config: Option<&Config>) -> Option<PathBuf> {
    match config {
        Some(config) => config.settings().text("TERMINATION_MESSAGE_PATH").map(PathBuf::from),
        None => common::config::file_from_environment("TERMINATION_MESSAGE_PATH"),
    }
}

/// Runs the command and reports its outcome: the last line of the log, the termination message, the exit code.
pub fn run(cli: Cli) -> ExitCode {
    let config = Config::load(cli.config.as_deref());
    let telemetry = Telemetry::init("trades-sync", config.as_ref().ok().map(Config::settings));
    let message_path = message_path(config.as_ref().ok());
    let outcome = match (config, telemetry) {
        // Traces are sent at the end of this arm: what that has to say comes before the summary.
        (Ok(config), Ok(_telemetry)) => on_runtime(cli, &config),
        (Err(error), _) | (Ok(_), Err(error)) => Ok(Err(error.into())),
    };
    ExitCode::from(match outcome {
        Ok(Ok(summary)) => report::done(&summary, message_path.as_deref()),
        Ok(Err(error)) => report::failed(&error, message_path.as_deref()),
        Err(signal) => report::interrupted(signal, message_path.as_deref()),
    })
}

/// The command's outcome, or the exit code of the signal that ended it.
fn on_runtime(cli: Cli, config: &Config) -> Result<Result<Summary, SyncError>, u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process may have timers and sockets");
    runtime.block_on(async {
        tokio::select! {
            outcome = execute(cli, config) => Ok(outcome),
            signal = shutdown::requested() => Err(signal),
        }
    })
}

async fn execute(cli: Cli, config: &Config) -> Result<Summary, SyncError> {
    match cli.command.unwrap_or(Command::Run(cli.run)) {
        Command::Run(args) => ship(args, config).await,
        Command::Check(args) => check::run(config, args.sink).await,
        Command::Verify(args) => compare(args, config).await,
    }
}

async fn ship(args: RunArgs, config: &Config) -> Result<Summary, SyncError> {
    let sinks = if args.dry_run {
        None
    } else {
        Some(Sinks { first: config.sink(args.sink)?, fallback: config.fallback(args.sink)? })
    };
    if let Some(path) = args.input {
        return day::ship_document(&path, sinks.as_ref()).await.map(Summary::Day);
    }
    let date = args.date.map_or_else(|| config.today(), Ok)?;
    let mut source = Source::connect(config.database()?, config.views(), config.retry_budget()?).await?;
    match args.from.zip(args.to) {
        Some((from, to)) => backfill::ship(&mut source, sinks.as_ref(), from, to).await.map(Summary::Days),
        None => day::ship(&mut source, sinks.as_ref(), date).await.map(Summary::Day),
    }
}

async fn compare(args: VerifyArgs, config: &Config) -> Result<Summary, SyncError> {
    let date = args.date.map_or_else(|| config.today(), Ok)?;
    let sink = config.sink_reader(args.sink)?;
    let mut source = Source::connect(config.database()?, config.views(), config.retry_budget()?).await?;
    verify::run(&mut source, &sink, date).await.map(Summary::Verified)
}
