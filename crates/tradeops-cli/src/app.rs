//! Runs the command.

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::commands::{
    Context, analyse, cancel, completion, doctor, get, logs, port_forward, run, runs, scaling, start, status,
    targets, whoami,
};
use crate::config::Config;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::note;

/// Runs the command, and returns the program's exit code.
pub fn run(cli: Cli) -> ExitCode {
    let outcome = execute(cli).unwrap_or_else(|failure| {
        if !failure.is_silent() {
            note(&format!("error: {failure}"));
        }
        failure.outcome
    });
    outcome.into()
}

/// Uses one thread, because the program waits for others most of the time.
fn execute(cli: Cli) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process can create timers and sockets");
    let config = Config::load(cli.namespace, cli.release)?;
    let context = Context { config, format: cli.output };
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = Box::pin(dispatch(&context, cli.command)) => outcome,
            Ok(()) = tokio::signal::ctrl_c() => Ok(Outcome::Interrupted),
        }
    });
    // A name may still be resolved in another thread.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(context: &Context, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Targets { target: None } => targets::list(context).await,
        Command::Targets { target: Some(name) } => targets::show(context, &name).await,
        Command::Trigger(arguments) => start::trigger(context, arguments).await,
        Command::Retry { run, start } => start::retry(context, &run, start).await,
        Command::Runs(arguments) => runs::list(context, &arguments).await,
        Command::Run { run } => run::show(context, &run).await,
        Command::Logs(arguments) => logs::print_log(context, &arguments).await,
        Command::Cancel { run, wait } => cancel::cancel(context, &run, wait).await,
        Command::Analyse { date, days, timeout } => {
            analyse::analyse(context, date.as_deref(), days, timeout).await
        }
        Command::Whoami => whoami::show(context).await,
        Command::Status => status::show(context).await,
        Command::Doctor { connect, machine } => doctor::check(context, connect, machine).await,
        Command::Get { path } => get::print_document(context, &path).await,
        Command::PortForward { port } => port_forward::forward(context, port).await,
        Command::Stop => scaling::stop(context).await,
        Command::Start => scaling::start(context).await,
        Command::Restart => scaling::restart(context).await,
        Command::Completion { shell } => completion::print_script(shell),
    }
}
