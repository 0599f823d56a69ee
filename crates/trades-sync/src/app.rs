//! Runs a command and reports its outcome.

use std::path::PathBuf;
use std::process::ExitCode;

use common::config::Settings;
use common::shutdown;
use common::telemetry::Telemetry;

use crate::cli::{Cli, Command, RunArgs, VerifyArgs};
use crate::config::{Config, VARIABLES};
use crate::error::SyncError;
use crate::report::{self, Summary};
use crate::{backfill, check, day, verify, wiring};

/// Prints the requested help, or the error of the arguments. The error is also written to the termination message.
pub fn usage(error: &clap::Error) -> ExitCode {
    // If standard output is closed, the error has no reader.
    let _ = error.print();
    if error.use_stderr() {
        report::write_termination_message(&error.to_string(), message_path(None).as_deref());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The file of the termination message, even if the settings can't be read.
fn message_path(settings: Option<&Settings>) -> Option<PathBuf> {
    const VARIABLE: &str = "TERMINATION_MESSAGE_PATH";
    match settings {
        Some(settings) => settings.text(VARIABLE).map(PathBuf::from),
        None => common::config::file_from_environment(VARIABLE),
    }
}

/// Runs the command and reports its outcome: the last line of the log, the termination message, the exit code.
pub fn run(cli: Cli) -> ExitCode {
    let settings = Settings::load(cli.config.as_deref(), &VARIABLES);
    let telemetry = Telemetry::init("trades-sync", settings.as_ref().ok());
    let message_path = message_path(settings.as_ref().ok());
    let outcome = match (settings, telemetry) {
        // The telemetry is dropped at the end of this arm, so that log lines about sending traces precede the summary.
        (Ok(settings), Ok(_telemetry)) => configured(cli, &settings),
        (Err(error), _) | (Ok(_), Err(error)) => Ok(Err(error.into())),
    };
    ExitCode::from(match outcome {
        Ok(Ok(summary)) => report::succeeded(&summary, message_path.as_deref()),
        Ok(Err(error)) => report::failed(&error, message_path.as_deref()),
        Err(signal) => report::interrupted(signal, message_path.as_deref()),
    })
}

/// The command's outcome, or the exit code of the signal that ended it.
fn configured(cli: Cli, settings: &Settings) -> Result<Result<Summary, SyncError>, u8> {
    let config = match Config::new(settings) {
        Ok(config) => config,
        Err(error) => return Ok(Err(error.into())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system provides timers and sockets");
    runtime.block_on(async {
        tokio::select! {
            outcome = execute(cli, &config) => Ok(outcome),
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
    let sinks = if args.dry_run { None } else { Some(wiring::sinks(config, args.sink)?) };
    if let Some(path) = args.input {
        return day::ship_document(&path, sinks.as_ref()).await.map(Summary::Day);
    }
    let date = config.day(args.date);
    let days = args.from.zip(args.to).map(|(from, to)| backfill::Days::new(from, to)).transpose()?;
    let mut source = wiring::source(config).await?;
    match days {
        Some(days) => backfill::ship(&mut source, sinks.as_ref(), days).await.map(Summary::Days),
        None => day::ship(&mut source, sinks.as_ref(), date).await.map(Summary::Day),
    }
}

async fn compare(args: VerifyArgs, config: &Config) -> Result<Summary, SyncError> {
    let date = config.day(args.date);
    let sink = wiring::sink_reader(config, args.sink)?;
    let mut source = wiring::source(config).await?;
    verify::run(&mut source, &sink, date).await.map(Summary::Verified)
}
