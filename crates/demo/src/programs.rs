//! The platform's programs, which the demo binary carries and starts as processes of their own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

pub(crate) const TRADES_SYNC: &str = "trades-sync";
const TRIGGER_API: &str = "trigger-api";

/// Runs the program that the first argument names, if it names one.
pub(crate) fn run_named() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first()?.to_str()? {
        TRADES_SYNC => Some(trades_sync::app::run(trades_sync::cli::Cli::parse_from(arguments))),
        TRIGGER_API => Some(trigger_api::app::run(&trigger_api::cli::Cli::parse_from(arguments))),
        _ => None,
    }
}

/// The demo's own file, which is all of the programs.
///
/// # Errors
/// When it can't be found any more.
pub(crate) fn path() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// The command that starts `trades-sync` with these arguments and nothing of this process's environment.
///
/// # Errors
/// When the demo's own file can't be found any more.
pub(crate) fn trades_sync(arguments: &[OsString]) -> std::io::Result<Command> {
    let mut command = Command::new(path()?);
    command.arg(TRADES_SYNC).args(arguments).env_clear();
    Ok(command)
}

/// The command that starts `trigger-api` with nothing of this process's environment.
///
/// # Errors
/// When the demo's own file can't be found any more.
pub(crate) fn trigger_api() -> std::io::Result<Command> {
    let mut command = Command::new(path()?);
    command.arg(TRIGGER_API).env_clear();
    Ok(command)
}
