//! `completion`.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output;

/// Prints the script that completes the words of the command line.
///
/// # Errors
/// When standard output can't be written.
pub fn print_script(shell: Shell) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "tradeops", &mut script);
    output::write(&script)?;
    Ok(Outcome::Done)
}
