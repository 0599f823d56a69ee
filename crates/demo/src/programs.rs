//! The platform's programs, which the demo binary contains and starts as separate processes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

pub(crate) const TRADES_SYNC: &str = "trades-sync";
const TRIGGER_API: &str = "trigger-api";
const MONITOR_API: &str = "monitor-api";

/// Runs the program that the first argument names, if any.
pub(crate) fn run_named() -> Option<ExitCode> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.first()?.to_str()? {
        TRADES_SYNC => Some(trades_sync::app::run(trades_sync::cli::Cli::parse_from(arguments))),
        TRIGGER_API => Some(trigger_api::app::run(&trigger_api::cli::Cli::parse_from(arguments))),
        MONITOR_API => Some(monitor_api::app::run(&monitor_api::cli::Cli::parse_from(arguments))),
        _ => None,
    }
}

/// The path of the demo binary, which contains all programs.
///
/// # Errors
/// If the file was deleted.
pub(crate) fn path() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// A command that starts `trades-sync` with these arguments and an empty environment.
///
/// # Errors
/// If the demo binary was deleted.
pub(crate) fn trades_sync(arguments: &[OsString]) -> std::io::Result<Command> {
    let mut command = Command::new(path()?);
    command.arg(TRADES_SYNC).args(arguments).env_clear();
    Ok(command)
}

/// A command that starts `trigger-api` with an empty environment.
///
/// # Errors
/// If the demo binary was deleted.
pub(crate) fn trigger_api() -> std::io::Result<Command> {
    service(TRIGGER_API)
}

/// A command that starts `monitor-api` with an empty environment.
///
/// # Errors
/// If the demo binary was deleted.
pub(crate) fn monitor_api() -> std::io::Result<Command> {
    service(MONITOR_API)
}

fn service(name: &str) -> std::io::Result<Command> {
    let mut command = Command::new(path()?);
    command.arg(name).env_clear();
    Ok(command)
}
