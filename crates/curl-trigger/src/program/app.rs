//! Parses the arguments and executes the steps of the session.

use alloc::{boxed::Box, format, vec::Vec};
use core::{ffi::CStr, mem::ManuallyDrop};

use curl_trigger::{
    environment::Environment,
    exit::{ExitCode, Failure},
    options::{self, Command},
    plan::{Flavor, Plan, output::TerminationLog},
    report::{self, Outcome},
    session::{Session, step::Step},
};

use crate::{
    clock::Clock,
    files::FileSystem,
    net,
    output::{self, Printer},
    transfer::Client,
};

const FLAVOR: Flavor = if cfg!(feature = "tls") { Flavor::Tls } else { Flavor::Plain };

/// Runs the program; returns its exit code.
pub(crate) fn main(arguments: &[&CStr], environment: &[&CStr]) -> u8 {
    let variables: Vec<_> =
        environment.iter().filter_map(|variable| variable.to_str().ok()?.split_once('=')).collect();
    let environment = Environment::new(&variables);
    match command(arguments, &environment) {
        Ok(Some(plan)) => match Printer::new(plan) {
            Ok(printer) => run(plan, printer).number(),
            Err(failure) => fail(&failure, &environment),
        },
        Ok(None) => ExitCode::Ok.number(),
        Err(failure) => fail(&failure, &environment),
    }
}

/// Reports a failure before a request is sent.
fn fail(failure: &Failure, environment: &Environment<'_>) -> u8 {
    let code = failure.code.number();
    output::print(2, &format!("curl-trigger: {} (exit {})\n", failure.message, u64::from(code)));
    let line = report::failed("curl-trigger", failure).line;
    output::write_termination_message(&line, &TerminationLog::new(environment));
    code
}

/// Parses the arguments. Returns `None` after `--help` and `--version`.
///
/// The plan is never dropped, because the process ends after its use: the code for that would be a kilobyte.
fn command(arguments: &[&CStr], environment: &Environment<'_>) -> Result<Option<&'static Plan>, Failure> {
    let mut texts = Vec::new();
    for (position, argument) in arguments.iter().enumerate().skip(1) {
        let text = argument.to_str();
        texts.push(text.map_err(|_| Failure::usage(format_args!("argument {position} is not UTF-8 text")))?);
    }
    match options::parse(&texts, &mut FileSystem)? {
        Command::Run(options) => {
            let plan = Plan::new(Box::leak(options), environment, &mut FileSystem, FLAVOR)?;
            Ok(Some(Box::leak(Box::new(plan))))
        }
        Command::Help => {
            output::print(1, &options::help());
            Ok(None)
        }
        Command::Version => {
            let protocols = if FLAVOR == Flavor::Tls { "http https" } else { "http" };
            output::print(
                1,
                &format!("curl-trigger {}\nProtocols: {protocols}\n", env!("CARGO_PKG_VERSION")),
            );
            Ok(None)
        }
    }
}

fn run(plan: &Plan, printer: Printer<'_>) -> ExitCode {
    let mut printer = ManuallyDrop::new(printer);
    let clock = Clock::start();
    for warning in &plan.warnings {
        printer.note(warning);
    }
    let mut session = ManuallyDrop::new(Session::new(plan, FLAVOR, clock.now()));
    let mut client = ManuallyDrop::new(Client::new(plan, &clock));
    loop {
        match session.next(clock.now()) {
            Step::Send(request, limits, kind) => {
                let transfer = client.transfer(&request, limits, kind, &session, &mut printer);
                session.record_transfer(&transfer, clock.now(), clock.time_of_day().as_secs());
            }
            Step::Pause(until, note) => {
                if let Some(note) = note {
                    printer.note(&note);
                }
                net::sleep(&clock, until);
            }
            Step::Finish(outcome) => return finish(plan, &client, &session, &mut printer, &outcome),
        }
    }
}

/// Prints the text of `-w` and the outcome line. An output that can't be written makes a success a failure.
fn finish(
    plan: &Plan,
    client: &Client<'_>,
    session: &Session<'_>,
    printer: &mut Printer<'_>,
    outcome: &Outcome,
) -> ExitCode {
    let write_failure = printer.finish().err().filter(|_| outcome.code == ExitCode::Ok);
    let write_failure = write_failure.map(|failure| report::failed(&plan.name, &failure));
    let Outcome { code, line, message } = write_failure.as_ref().unwrap_or(outcome);
    let failure = (*code != ExitCode::Ok).then(|| Failure::new(*code, format_args!("{message}")));
    if let Some(format) = &plan.output.write_out {
        printer.write_out(format, &client.write_out_values(session, failure));
    }
    printer.outcome(line);
    *code
}
