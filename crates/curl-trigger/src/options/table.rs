//! The table of all options, for the parser and `--help`.

use alloc::string::String;

/// An option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OptionId {
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
    /// Accepted for compatibility with curl, without an effect.
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
pub(super) struct OptionSpec {
    short: char,
    long: &'static str,
    option: OptionId,
    /// The name of the value; empty for a flag.
    value: &'static str,
    about: &'static str,
}

/// The column of the descriptions in `--help`.
const ABOUT_COLUMN: usize = 38;

/// An option without a short form.
const NONE: char = '\0';

const fn entry(
    short: char,
    long: &'static str,
    option: OptionId,
    value: &'static str,
    about: &'static str,
) -> OptionSpec {
    OptionSpec { short, long, option, value, about }
}

pub(super) const OPTIONS: [OptionSpec; 37] = [
    entry('X', "request", OptionId::Request, "METHOD", "the method"),
    entry('H', "header", OptionId::Header, "LINE|@FILE", "a header, or a file with one per line"),
    entry('d', "data", OptionId::Data, "DATA|@FILE", "a body; line breaks of a file are removed"),
    entry(NONE, "data-ascii", OptionId::Data, "DATA|@FILE", "the same as --data"),
    entry(NONE, "data-binary", OptionId::DataBinary, "DATA|@FILE", "a body; a file is sent unchanged"),
    entry(NONE, "data-raw", OptionId::DataRaw, "DATA", "a body; @ has no special meaning"),
    entry(NONE, "json", OptionId::Json, "DATA|@FILE", "a JSON body with its headers"),
    entry('A', "user-agent", OptionId::UserAgent, "TEXT", "the User-Agent header"),
    entry(NONE, "url", OptionId::Url, "URL", "the URL"),
    entry('f', "fail", OptionId::Fail, "", "exit with 22 on HTTP 400 and above, print no body"),
    entry(NONE, "fail-with-body", OptionId::FailWithBody, "", "the same, but print the body"),
    entry('s', "silent", OptionId::Silent, "", "print only the response"),
    entry('S', "show-error", OptionId::ShowError, "", "with -s: print the outcome too"),
    entry('i', "include", OptionId::Include, "", "print the response headers before the body"),
    entry('v', "verbose", OptionId::Verbose, "", "print both heads, with secrets masked"),
    entry('o', "output", OptionId::Output, "FILE", "write the response to a file"),
    entry(
        'w',
        "write-out",
        OptionId::WriteOut,
        "FORMAT|@FILE",
        "print variables such as %{http_code} at the end",
    ),
    entry('L', "location", OptionId::Location, "", "follow redirects"),
    entry(NONE, "max-redirs", OptionId::MaxRedirs, "N", "the maximum number of redirects"),
    entry('m', "max-time", OptionId::MaxTime, "SECONDS", "the maximum time of a request"),
    entry(
        NONE,
        "connect-timeout",
        OptionId::ConnectTimeout,
        "SECONDS",
        "the maximum time until the request can be sent",
    ),
    entry(NONE, "retry", OptionId::Retry, "N", "retry on timeouts and HTTP 408, 429, 500, 502, 503, 504"),
    entry(NONE, "retry-delay", OptionId::RetryDelay, "SECONDS", "a fixed pause between attempts"),
    entry(NONE, "retry-max-time", OptionId::RetryMaxTime, "SECONDS", "the maximum time until the last retry"),
    entry(NONE, "retry-connrefused", OptionId::RetryConnrefused, "", "retry when the connection is refused"),
    entry(NONE, "retry-all-errors", OptionId::RetryAllErrors, "", "retry on any error"),
    entry(NONE, "cacert", OptionId::CaCert, "FILE", "trust only these certificate authorities"),
    entry(NONE, "wait", OptionId::Wait, "", "wait for the end of the run, exit with its outcome"),
    entry(NONE, "wait-timeout", OptionId::WaitTimeout, "SECONDS", "the maximum time of --wait"),
    entry(
        NONE,
        "idempotency-key",
        OptionId::IdempotencyKey,
        "KEY",
        "replaces the Job's name; empty sends none",
    ),
    entry(NONE, "name", OptionId::Name, "NAME", "the name in the outcome line"),
    entry('N', "no-buffer", OptionId::NoOperation, "", "no effect"),
    entry(NONE, "no-progress-meter", OptionId::NoOperation, "", "no effect"),
    entry(NONE, "http1.1", OptionId::NoOperation, "", "no effect"),
    entry('q', "disable", OptionId::NoOperation, "", "no effect: no .curlrc is read"),
    entry('h', "help", OptionId::Help, "", "print this help"),
    entry('V', "version", OptionId::Version, "", "print the version"),
];

impl OptionId {
    pub(super) fn takes_value(self) -> bool {
        OPTIONS.iter().any(|entry| entry.option == self && !entry.value.is_empty())
    }
}

impl OptionSpec {
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

pub(super) fn find_long(name: &str) -> Option<OptionId> {
    OPTIONS.iter().find(|entry| entry.long == name).map(|entry| entry.option)
}

pub(super) fn find_short(letter: char) -> Option<OptionId> {
    OPTIONS.iter().find(|entry| entry.short == letter && letter != NONE).map(|entry| entry.option)
}
