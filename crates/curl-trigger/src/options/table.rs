//! The names of the options, in one table that the parser and `--help` share.

use alloc::string::String;

/// An option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    CaCert,
    ConnectTimeout,
    Data,
    DataBinary,
    DataRaw,
    Fail,
    FailWithBody,
    Header,
    Help,
    IdempotencyKey,
    Include,
    Json,
    Location,
    MaxRedirs,
    MaxTime,
    Name,
    /// Asks for what this program does anyhow.
    NoOperation,
    Output,
    Request,
    Retry,
    RetryAllErrors,
    RetryConnrefused,
    RetryDelay,
    RetryMaxTime,
    ShowError,
    Silent,
    Url,
    UserAgent,
    Verbose,
    Version,
    Wait,
    WaitTimeout,
    WriteOut,
}

/// One spelling of an option.
pub(super) struct Entry {
    short: char,
    long: &'static str,
    option: Known,
    /// The value's name; empty for a switch.
    value: &'static str,
    about: &'static str,
}

/// Where the texts of `--help` begin.
const ABOUT_COLUMN: usize = 38;

/// Stands for "no short form".
const NONE: char = '\0';

const fn entry(
    short: char,
    long: &'static str,
    option: Known,
    value: &'static str,
    about: &'static str,
) -> Entry {
    Entry { short, long, option, value, about }
}

pub(super) const OPTIONS: [Entry; 37] = [
    entry('X', "request", Known::Request, "METHOD", "the method"),
    entry('H', "header", Known::Header, "LINE|@FILE", "a header, or a file with one per line"),
    entry('d', "data", Known::Data, "DATA|@FILE", "a body; a file's line breaks are taken out"),
    entry(NONE, "data-ascii", Known::Data, "DATA|@FILE", "the same"),
    entry(NONE, "data-binary", Known::DataBinary, "DATA|@FILE", "a body; a file is sent as it is"),
    entry(NONE, "data-raw", Known::DataRaw, "DATA", "a body; @ has no meaning"),
    entry(NONE, "json", Known::Json, "DATA|@FILE", "a JSON body with its headers"),
    entry('A', "user-agent", Known::UserAgent, "TEXT", "the User-Agent header"),
    entry(NONE, "url", Known::Url, "URL", "the URL"),
    entry('f', "fail", Known::Fail, "", "exit 22 on HTTP 400 and above, without the body"),
    entry(NONE, "fail-with-body", Known::FailWithBody, "", "the same, with the body"),
    entry('s', "silent", Known::Silent, "", "print the answer only"),
    entry('S', "show-error", Known::ShowError, "", "with -s: print the outcome as well"),
    entry('i', "include", Known::Include, "", "print the answer's headers before its body"),
    entry('v', "verbose", Known::Verbose, "", "print what is sent and received, secrets masked"),
    entry('o', "output", Known::Output, "FILE", "write the answer to a file"),
    entry(
        'w',
        "write-out",
        Known::WriteOut,
        "FORMAT|@FILE",
        "print variables such as %{http_code} at the end",
    ),
    entry('L', "location", Known::Location, "", "follow redirects"),
    entry(NONE, "max-redirs", Known::MaxRedirs, "N", "at most so many of them"),
    entry('m', "max-time", Known::MaxTime, "SECONDS", "all the time a request may take"),
    entry(
        NONE,
        "connect-timeout",
        Known::ConnectTimeout,
        "SECONDS",
        "all the time until the request can be sent",
    ),
    entry(NONE, "retry", Known::Retry, "N", "try again on timeouts and HTTP 408, 429, 500, 502, 503, 504"),
    entry(NONE, "retry-delay", Known::RetryDelay, "SECONDS", "a fixed pause between attempts"),
    entry(NONE, "retry-max-time", Known::RetryMaxTime, "SECONDS", "all the time in which attempts may begin"),
    entry(NONE, "retry-connrefused", Known::RetryConnrefused, "", "try again when the connection is refused"),
    entry(NONE, "retry-all-errors", Known::RetryAllErrors, "", "try again on any error"),
    entry(NONE, "cacert", Known::CaCert, "FILE", "trust these certificate authorities alone"),
    entry(NONE, "wait", Known::Wait, "", "follow the run to its end and exit with its outcome"),
    entry(NONE, "wait-timeout", Known::WaitTimeout, "SECONDS", "all the time that may take"),
    entry(NONE, "idempotency-key", Known::IdempotencyKey, "KEY", "instead of the Job's name; empty for none"),
    entry(NONE, "name", Known::Name, "NAME", "what the outcome line calls this"),
    entry('N', "no-buffer", Known::NoOperation, "", "as it is anyhow"),
    entry(NONE, "no-progress-meter", Known::NoOperation, "", "as it is anyhow"),
    entry(NONE, "http1.1", Known::NoOperation, "", "as it is anyhow"),
    entry('q', "disable", Known::NoOperation, "", "as it is anyhow: no .curlrc is read"),
    entry('h', "help", Known::Help, "", "print this"),
    entry('V', "version", Known::Version, "", "print the version"),
];

impl Known {
    pub(super) fn takes_value(self) -> bool {
        OPTIONS.iter().any(|entry| entry.option == self && !entry.value.is_empty())
    }
}

impl Entry {
    pub(super) fn help_line(&self) -> String {
        let mut line = String::from(if self.short == NONE { "      " } else { "  -" });
        if self.short != NONE {
            line.push(self.short);
            line.push_str(", ");
        }
        for part in ["--", self.long, " ", self.value] {
            line.push_str(part);
        }
        while line.len() < ABOUT_COLUMN {
            line.push(' ');
        }
        line.push_str(self.about);
        line.push('\n');
        line
    }
}

pub(super) fn find_long(name: &str) -> Option<Known> {
    OPTIONS.iter().find(|entry| entry.long == name).map(|entry| entry.option)
}

pub(super) fn find_short(letter: char) -> Option<Known> {
    OPTIONS.iter().find(|entry| entry.short == letter && letter != NONE).map(|entry| entry.option)
}
