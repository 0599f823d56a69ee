//! All output of the program.

use alloc::{
    format,
    string::{String, ToString},
};

use curl_trigger::{
    exit::Failure,
    plan::{Plan, output::TerminationLog},
    report,
    request::Request,
    response::Head,
    secret::{MASK, is_secret_header},
    write_out::{WriteOutValues, render},
};
use rustix::{fd::AsFd, fs::OFlags};

use crate::{
    errors::describe,
    files::{self, write_all, write_failure},
    output_file::OutputFile,
    sys,
};

/// Prints to the standard output (1) or error (2); write errors are ignored.
pub(crate) fn print(stream: u8, text: &str) {
    let _ = write_all(sys::stdio(stream), text.as_bytes());
}

/// Writes the line as the termination message, which the kubelet reads.
pub(crate) fn write_termination_message(line: &str, log: &TerminationLog) {
    let path = log.path.as_str();
    let create = if log.is_explicit { OFlags::CREATE } else { OFlags::empty() };
    let written = files::open(path, OFlags::WRONLY | OFlags::TRUNC | create)
        .and_then(|file| write_all(file.as_fd(), report::termination_message(line).as_bytes()));
    if let (Err(error), true) = (written, log.is_explicit) {
        print(
            2,
            &format!("curl-trigger: TERMINATION_MESSAGE_PATH {path} can't be written: {}\n", describe(error)),
        );
    }
}

/// Prints the response and the messages that the options select, with secrets masked.
pub(crate) struct Printer<'a> {
    plan: &'a Plan,
    /// `None` is the standard output.
    body_file: Option<OutputFile<'a>>,
    header_file: Option<OutputFile<'a>>,
    /// The last byte of the standard output was a line break.
    at_line_start: bool,
    prints_body: bool,
}

impl<'a> Printer<'a> {
    /// Opens the output files, so that a file that can't be written is an error before a request is sent.
    pub(crate) fn new(plan: &'a Plan) -> Result<Self, Failure> {
        let open = |path: &'a Option<String>| path.as_deref().map(OutputFile::open).transpose();
        let mut header_file = open(&plan.output.header_file)?;
        if let Some(file) = &mut header_file {
            // As in curl, the file exists and is empty even if no response is received.
            file.write(&[])?;
        }
        let body_file = open(&plan.output.file)?;
        Ok(Self { plan, body_file, header_file, at_line_start: true, prints_body: false })
    }

    /// Resets the state before an attempt, so that it overwrites the output of an earlier attempt.
    pub(crate) fn restart(&mut self) {
        if let Some(file) = &mut self.body_file {
            file.restart();
        }
        self.prints_body = false;
    }

    /// Prints a head of the call's response. `prints_body` applies to the body that follows.
    pub(crate) fn head(&mut self, head: &Head, prints_body: bool) -> Result<(), Failure> {
        if self.plan.output.status_line && head.status >= 200 {
            self.print_lines(&head.status_line());
        }
        self.prints_body = prints_body;
        if let Some(file) = &mut self.header_file {
            file.write(&head.raw)?;
        }
        if self.plan.output.include {
            self.write(&head.raw)?;
        }
        Ok(())
    }

    /// Prints a piece of the body of the call's response.
    pub(crate) fn body(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.prints_body { self.write(bytes) } else { Ok(()) }
    }

    /// Creates the output file after the last transfer, if the body is empty, or removes it if there is no response.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let Some(file) = &mut self.body_file else { return Ok(()) };
        if self.prints_body {
            return file.write(&[]);
        }
        file.remove_unused();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match &mut self.body_file {
            Some(file) => file.write(bytes),
            None => {
                self.at_line_start = bytes.last().is_none_or(|last| *last == b'\n');
                write_all(sys::stdio(1), bytes).map_err(|error| write_failure("the standard output", error))
            }
        }
    }

    /// Prints a note about the progress.
    pub(crate) fn note(&mut self, note: &str) {
        if !self.plan.output.quiet {
            self.print_lines(&format!("curl-trigger: {note}"));
        }
    }

    /// Prints lines of `-v`.
    pub(crate) fn verbose(&mut self, text: &dyn Fn() -> String) {
        if self.plan.output.verbose {
            self.print_lines(&text());
        }
    }

    /// Prints the head of the request with `-v`.
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

    /// Prints a head of the response with `-v`.
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

    /// Prints the text of `-w`.
    pub(crate) fn write_out(&mut self, format: &str, values: &WriteOutValues) {
        let written = render(format, values);
        print(1, &self.plan.secrets.mask(&written.out));
        self.at_line_start &= written.out.is_empty();
        self.at_line_start |= written.out.ends_with('\n');
        print(2, &self.plan.secrets.mask(&written.err));
    }

    /// Prints the outcome line and writes it as the termination message.
    pub(crate) fn outcome(&mut self, line: &str) {
        let line = self.plan.secrets.mask(line);
        if !self.plan.output.quiet {
            self.print_line(&line);
        }
        write_termination_message(&line, &self.plan.output.termination_log);
    }

    /// Prints lines to the standard error. Each is truncated, as it may contain a text of the server.
    fn print_lines(&mut self, text: &str) {
        for line in self.plan.secrets.mask(text).lines() {
            self.print_line(&report::line(line));
        }
    }

    /// Prints a text to the standard error, after a line break if the standard output has not ended its line.
    fn print_line(&mut self, text: &str) {
        let gap = if self.at_line_start { "" } else { "\n" };
        self.at_line_start = true;
        print(2, &format!("{gap}{text}\n"));
    }
}

/// A header line, with its value masked if it is a secret.
fn masked(line: &str) -> String {
    match line.split_once(':') {
        Some((name, _)) if is_secret_header(name) => format!("{name}: {MASK}"),
        _ => line.to_string(),
    }
}
