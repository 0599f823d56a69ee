//! The platform's programs, which the demo binary carries and starts as processes of their own.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Parser;

const TRADES_SYNC: &str = "trades-sync";

/// Runs the program that the first argument names, if it names one.
pub(crate) fn run_named() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let is_program = arguments.peek().is_some_and(|name| name == TRADES_SYNC);
    is_program.then(|| trades_sync::app::run(trades_sync::cli::Cli::parse_from(arguments)))
}

/// The command that starts `trades-sync` with these arguments and nothing of this process's environment.
///
/// # Errors
/// When the demo's own file can't be found any more.
pub(crate) fn trades_sync(arguments: &[OsString]) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(TRADES_SYNC).args(arguments).env_clear();
    Ok(command)
}
