//! Everything that is printed.

use alloc::{
    format,
    string::{String, ToString},
};

use curl_trigger::{
    environment::Environment,
    exit::{Code, Failure},
    plan::{Plan, TERMINATION_LOG},
    report,
    request::Request,
    response::Head,
    secret::{MASK, is_secret_header},
    write_out::{Facts, render},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::OFlags,
    io::Errno,
};

use crate::{errors::words, files, sys};

/// Prints to the standard output (1) or error (2), whatever becomes of it.
pub(crate) fn print(stream: u8, text: &str) {
    let _ = write_all(sys::stdio(stream), text.as_bytes());
}

/// Where the outcome line goes besides the standard error, and whether the environment named the place.
pub(crate) fn termination_path(environment: &Environment<'_>) -> (String, bool) {
    let named = environment.filled("TERMINATION_MESSAGE_PATH");
    (named.unwrap_or(TERMINATION_LOG).to_string(), named.is_some())
}

/// Leaves the line for the kubelet. The default place is there only in a pod, and then the kubelet made it.
pub(crate) fn termination_message(line: &str, (path, named): &(String, bool)) {
    let create = if *named { OFlags::CREATE } else { OFlags::empty() };
    let written = files::open(path, OFlags::WRONLY | OFlags::TRUNC | create)
        .and_then(|file| write_all(file.as_fd(), report::termination_message(line).as_bytes()));
    if let (Err(error), true) = (written, *named) {
        print(
            2,
            &format!(
                "curl-trigger: {path}, of TERMINATION_MESSAGE_PATH, can't be written: {}\n",
                words(error)
            ),
        );
    }
}

fn write_all(file: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                poll(&mut [PollFd::new(&file, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Prints what the options want, without secrets.
pub(crate) struct Printer<'a> {
    plan: &'a Plan,
    file: Option<OwnedFd>,
    /// The last byte of the standard output ended a line.
    at_line_start: bool,
    shown: bool,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self { plan, file: None, at_line_start: true, shown: false }
    }

    /// Before each attempt: what an earlier one wrote to a file is written over.
    pub(crate) fn restart(&mut self) {
        self.file = None;
        self.shown = false;
    }

    /// A head of the call's answer, `shown` if its body will be.
    pub(crate) fn head(&mut self, head: &Head, shown: bool) -> Result<(), Failure> {
        if self.plan.output.status_line && head.status >= 200 {
            self.tell(&head.status_line());
        }
        self.shown = shown;
        if self.plan.output.include {
            self.write(&head.raw)?;
        }
        Ok(())
    }

    /// A piece of the call's answer.
    pub(crate) fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.shown { self.write(bytes) } else { Ok(()) }
    }

    /// After the last transfer: a file that was asked for is there, even if the answer was empty.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        if self.shown && self.plan.output.file.is_some() { self.write(&[]) } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match (&self.plan.output.file, &self.file) {
            (None, _) => {
                self.at_line_start = bytes.last().is_none_or(|last| *last == b'\n');
                write_all(sys::stdio(1), bytes)
            }
            (Some(_), Some(file)) => write_all(file.as_fd(), bytes),
            (Some(path), None) => {
                let opened = files::open(path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC);
                opened.and_then(|file| write_all(self.file.insert(file).as_fd(), bytes))
            }
        };
        written.map_err(|error| {
            let path = self.plan.output.file.as_deref().unwrap_or("the standard output");
            Failure::new(Code::Write, format_args!("{path} can't be written: {}", words(error)))
        })
    }

    /// A line about the way to the outcome.
    pub(crate) fn note(&mut self, note: &str) {
        if !self.plan.output.quiet {
            self.tell(&format!("curl-trigger: {note}"));
        }
    }

    /// A line of `-v`.
    pub(crate) fn verbose(&mut self, text: &dyn Fn() -> String) {
        if self.plan.output.verbose {
            self.tell(&text());
        }
    }

    /// The request's head as `-v` shows it.
    pub(crate) fn verbose_request(&mut self, request: &Request) {
        self.verbose(&|| {
            let mut text = format!("> {} {} HTTP/1.1", request.method, request.url.path());
            for line in request.head().lines().skip(1) {
                text.push_str("\n> ");
                text.push_str(&masked(line));
            }
            text
        });
    }

    /// An answer's head as `-v` shows it.
    pub(crate) fn verbose_head(&mut self, head: &Head) {
        self.verbose(&|| {
            let mut text = format!("< {}", head.status_line());
            for (name, value) in &head.headers {
                text.push_str("\n< ");
                text.push_str(&masked(&format!("{name}: {}", report::quote(value))));
            }
            text + "\n<"
        });
    }

    /// The text of `-w`.
    pub(crate) fn write_out(&mut self, format: &str, facts: &Facts) {
        let written = render(format, facts);
        print(1, &self.plan.secrets.clean(&written.out));
        self.at_line_start &= written.out.is_empty();
        self.at_line_start |= written.out.ends_with('\n');
        print(2, &self.plan.secrets.clean(&written.err));
    }

    /// The outcome line, to people and to the kubelet.
    pub(crate) fn outcome(&mut self, line: &str) {
        let line = self.plan.secrets.clean(line);
        if !self.plan.output.quiet {
            self.show(&line);
        }
        termination_message(&line, &self.plan.output.termination_message);
    }

    /// Lines on the standard error. Each is bounded, as a server's text may be in it.
    fn tell(&mut self, text: &str) {
        for line in self.plan.secrets.clean(text).lines() {
            self.show(&report::line(line));
        }
    }

    /// A text on the standard error, below what was printed so far.
    fn show(&mut self, text: &str) {
        let gap = if self.at_line_start { "" } else { "\n" };
        self.at_line_start = true;
        print(2, &format!("{gap}{text}\n"));
    }
}

/// A header line, its value masked if its name speaks of a credential.
fn masked(line: &str) -> String {
    match line.split_once(':') {
        Some((name, _)) if is_secret_header(name) => format!("{name}: {MASK}"),
        _ => line.to_string(),
    }
}
