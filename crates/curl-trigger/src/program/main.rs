//! The program: moves the bytes that the library asks for. See the library's documentation.
//!
//! It has no C library and no standard library, so that it is one small static file. Built with
//! `scripts/build-curl-trigger.sh`.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

#[cfg(not(target_arch = "x86_64"))]
compile_error!("the entry point in sys.rs is written for x86-64: add this architecture's there");

extern crate alloc;

mod clock;
mod errors;
mod files;
mod net;
mod output;
mod resolve;
mod stream;
mod sys;
#[cfg(feature = "tls")]
mod tls;
mod transfer;
#[cfg(feature = "tls")]
mod trust;

use alloc::{format, vec::Vec};
use core::ffi::CStr;

use curl_trigger::{
    environment::Environment,
    exit::{Code, Failure},
    options::{self, Command},
    plan::{Flavour, Plan},
    report::{self, Ending},
    session::{Session, Step},
};

use self::{clock::Clock, files::Files, output::Printer, transfer::Client};

const FLAVOUR: Flavour = if cfg!(feature = "tls") { Flavour::Tls } else { Flavour::Plain };

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    output::print(2, "curl-trigger: internal error, please report it\n");
    sys::abort()
}

/// The exit code of the process.
fn main(arguments: &[&CStr], environment: &[&CStr]) -> u8 {
    let variables: Vec<_> =
        environment.iter().filter_map(|variable| variable.to_str().ok()?.split_once('=')).collect();
    let environment = Environment::new(&variables);
    match command(arguments, &environment) {
        Ok(Some(plan)) => run(&plan).number(),
        Ok(None) => Code::Ok.number(),
        Err(failure) => {
            output::print(
                2,
                &format!("curl-trigger: {} (exit {})\n", failure.message, failure.code.number()),
            );
            let line = report::failed("curl-trigger", &failure).line;
            output::termination_message(&line, &output::termination_path(&environment));
            failure.code.number()
        }
    }
}

/// Reads the arguments; `None` when what they asked for is already done.
fn command(arguments: &[&CStr], environment: &Environment<'_>) -> Result<Option<Plan>, Failure> {
    let mut words = Vec::new();
    for (position, argument) in arguments.iter().enumerate().skip(1) {
        let word = argument.to_str();
        words.push(word.map_err(|_| Failure::usage(format_args!("argument {position} is not UTF-8 text")))?);
    }
    match options::parse(words.into_iter())? {
        Command::Run(options) => Plan::new(&options, environment, &mut Files, FLAVOUR).map(Some),
        Command::Help => {
            output::print(1, &options::help());
            Ok(None)
        }
        Command::Version => {
            let tls = if FLAVOUR == Flavour::Tls { "http https" } else { "http" };
            output::print(1, &format!("curl-trigger {}\nProtocols: {tls}\n", env!("CARGO_PKG_VERSION")));
            Ok(None)
        }
    }
}

/// Carries the plan out.
fn run(plan: &Plan) -> Code {
    let clock = Clock::start();
    let mut printer = Printer::new(plan);
    let mut session = Session::new(plan, FLAVOUR, clock.now());
    let mut client = Client::new(plan, &clock);
    loop {
        match session.next(clock.now()) {
            Step::Send(request, limits, role) => {
                let transfer = client.transfer(&request, limits, role, &session, &mut printer);
                session.transferred(&transfer, clock.now(), clock.time_of_day().as_secs());
            }
            Step::Pause(until, note) => {
                if let Some(note) = note {
                    printer.note(&note);
                }
                net::sleep(&clock, until);
            }
            Step::End(ending) => return end(plan, &client, &session, &mut printer, &ending),
        }
    }
}

fn end(
    plan: &Plan,
    client: &Client<'_>,
    session: &Session<'_>,
    printer: &mut Printer<'_>,
    ending: &Ending,
) -> Code {
    let unwritten = printer.finish().err().filter(|_| ending.code == Code::Ok);
    let unwritten = unwritten.map(|failure| report::failed(&plan.name, &failure));
    let Ending { code, line, message } = unwritten.as_ref().unwrap_or(ending);
    let failure = (*code != Code::Ok).then(|| Failure::new(*code, format_args!("{message}")));
    if let Some(format) = &plan.output.write_out {
        printer.write_out(format, &client.facts(session, failure));
    }
    printer.outcome(line);
    *code
}
