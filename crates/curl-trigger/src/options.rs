//! The command line: curl's options with curl's meaning, and a few of the program's own.
//!
//! What is not in the table is refused by name, as an option that is passed over in silence would change
//! what a request means.

mod number;
mod table;

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;

use self::table::{Known, find_long, find_short};
use crate::{exit::Failure, redirect, retry::Policy};

/// Where a piece of the body comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Data {
    /// The argument itself.
    Text(String),
    /// A file (`-` is the standard input), its line breaks taken out.
    FileWithoutBreaks(String),
    /// A file (`-` is the standard input), as it is.
    File(String),
}

/// What becomes of an answer of 400 or above.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fail {
    /// It is printed, and the exit code is 0.
    #[default]
    No,
    /// `-f`: it is not printed, and the exit code is 22.
    WithoutBody,
    /// `--fail-with-body`: it is printed, and the exit code is 22.
    WithBody,
}

/// What the arguments ask for, not yet checked against the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an option of the command line")]
pub struct Options {
    /// The URL.
    pub url: Option<String>,
    /// `-X`.
    pub method: Option<String>,
    /// `-H`, in order; `@file` is not yet read.
    pub headers: Vec<String>,
    /// `-d` and its relatives, in order.
    pub data: Vec<Data>,
    /// `--json`.
    pub json: bool,
    /// `-A`.
    pub user_agent: Option<String>,
    /// `-f`, `--fail-with-body`.
    pub fail: Fail,
    /// `-s`.
    pub silent: bool,
    /// `-S`.
    pub show_error: bool,
    /// `-i`.
    pub include: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-L`.
    pub location: bool,
    /// `--max-redirs`.
    pub max_redirects: u32,
    /// `-o`.
    pub output: Option<String>,
    /// `-w`; `@file` is not yet read.
    pub write_out: Option<String>,
    /// `-m`; zero is no limit.
    pub max_time: Option<Duration>,
    /// `--connect-timeout`.
    pub connect_timeout: Option<Duration>,
    /// `--retry` and its relatives.
    pub retry: Policy,
    /// `--cacert`.
    pub ca_file: Option<String>,
    /// `--wait`.
    pub wait: bool,
    /// `--wait-timeout`.
    pub wait_timeout: Option<Duration>,
    /// `--idempotency-key`.
    pub idempotency_key: Option<String>,
    /// `--name`.
    pub name: Option<String>,
}

/// What a command line asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Make a request.
    Run(Box<Options>),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// Reads the arguments, the program's name not among them. An error names the option, never its value.
pub fn parse<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Command, Failure> {
    let mut options = Options { max_redirects: redirect::DEFAULT_MAX, ..Options::default() };
    let mut words = Words { arguments, position: 0 };
    let mut only_urls = false;
    while let Some(word) = words.next() {
        let early = match word.strip_prefix("--") {
            _ if only_urls => options.take_url(word, words.position)?,
            Some("") => {
                only_urls = true;
                None
            }
            Some(name) => options.take_long(name, &mut words)?,
            None if word.len() > 1 && word.starts_with('-') => options.take_short(word, &mut words)?,
            None => options.take_url(word, words.position)?,
        };
        if let Some(command) = early {
            return Ok(command);
        }
    }
    Ok(Command::Run(Box::new(options)))
}

struct Words<I> {
    arguments: I,
    position: usize,
}

impl<'a, I: Iterator<Item = &'a str>> Words<I> {
    fn next(&mut self) -> Option<&'a str> {
        self.position += 1;
        self.arguments.next()
    }
}

type Early = Result<Option<Command>, Failure>;

impl Options {
    fn take_url(&mut self, word: &str, position: usize) -> Early {
        if self.url.replace(word.to_string()).is_some() {
            return Err(Failure::usage(format_args!(
                "argument {position} would be a second URL: one request is made per run; quote values that contain spaces"
            )));
        }
        Ok(None)
    }

    fn take_long<'a>(&mut self, name: &str, words: &mut Words<impl Iterator<Item = &'a str>>) -> Early {
        let shown = format!("--{}", name.split('=').next().unwrap_or_default());
        let (option, on) = match find_long(name) {
            Some(option) => (option, true),
            None => match name.strip_prefix("no-").and_then(find_long).filter(|option| !option.takes_value())
            {
                Some(option) => (option, false),
                None => return Err(unsupported(&shown)),
            },
        };
        if !option.takes_value() {
            return Ok(self.switch(option, on));
        }
        let value = words
            .next()
            .ok_or_else(|| Failure::usage(format_args!("option {shown} needs a value behind it")))?;
        self.set(option, &shown, value, words.position)
    }

    /// `-sSf`, `-XPOST`, `-X POST`.
    fn take_short<'a>(&mut self, word: &'a str, words: &mut Words<impl Iterator<Item = &'a str>>) -> Early {
        for (at, letter) in word.char_indices().skip(1) {
            let shown = format!("-{letter}");
            let option = find_short(letter).ok_or_else(|| unsupported(&shown))?;
            if option.takes_value() {
                let rest = word.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
                let value = rest.or_else(|| words.next());
                let value = value
                    .ok_or_else(|| Failure::usage(format_args!("option {shown} needs a value behind it")))?;
                return self.set(option, &shown, value, words.position);
            }
            if let Some(early) = self.switch(option, true) {
                return Ok(Some(early));
            }
        }
        Ok(None)
    }

    fn switch(&mut self, option: Known, on: bool) -> Option<Command> {
        let fail = |kind| if on { kind } else { Fail::No };
        match option {
            Known::Help => return Some(Command::Help),
            Known::Version => return Some(Command::Version),
            Known::Fail => self.fail = fail(Fail::WithoutBody),
            Known::FailWithBody => self.fail = fail(Fail::WithBody),
            Known::Silent => self.silent = on,
            Known::ShowError => self.show_error = on,
            Known::Include => self.include = on,
            Known::Verbose => self.verbose = on,
            Known::Location => self.location = on,
            Known::RetryConnrefused => self.retry.refused = on,
            Known::RetryAllErrors => self.retry.all_errors = on,
            Known::Wait => self.wait = on,
            // There is no progress meter, no buffer and no other version of HTTP to switch.
            _ => {}
        }
        None
    }

    fn set(&mut self, option: Known, shown: &str, value: &str, position: usize) -> Early {
        let text = || Some(value.to_string());
        match option {
            Known::Url => return self.take_url(value, position),
            Known::Request => self.method = Some(method(value)?),
            Known::Header => self.headers.push(value.to_string()),
            Known::Data => self.data.push(data(value, Data::FileWithoutBreaks)),
            Known::DataBinary => self.data.push(data(value, Data::File)),
            Known::DataRaw => self.data.push(Data::Text(value.to_string())),
            Known::Json => {
                self.json = true;
                self.data.push(data(value, Data::File));
            }
            Known::UserAgent => self.user_agent = text(),
            Known::Output => self.output = text(),
            Known::WriteOut => self.write_out = text(),
            Known::MaxTime => self.max_time = Some(number::seconds(shown, value)?),
            Known::ConnectTimeout => self.connect_timeout = Some(number::seconds(shown, value)?),
            Known::MaxRedirs => {
                self.max_redirects = if value == "-1" { u32::MAX } else { number::whole(shown, value)? }
            }
            Known::Retry => self.retry.retries = number::whole(shown, value)?,
            Known::RetryDelay => self.retry.delay = Duration::from_secs(number::whole(shown, value)?.into()),
            Known::RetryMaxTime => {
                self.retry.max_time = Duration::from_secs(number::whole(shown, value)?.into());
            }
            Known::CaCert => self.ca_file = text(),
            Known::WaitTimeout => self.wait_timeout = Some(number::seconds(shown, value)?),
            Known::IdempotencyKey => self.idempotency_key = text(),
            Known::Name => self.name = text(),
            _ => {}
        }
        Ok(None)
    }
}

fn unsupported(shown: &str) -> Failure {
    Failure::usage(format_args!(
        "option {shown} is not supported by this program, though curl may know it: see --help"
    ))
}

fn data(value: &str, file: fn(String) -> Data) -> Data {
    match value.strip_prefix('@') {
        Some(path) => file(path.to_string()),
        None => Data::Text(value.to_string()),
    }
}

fn method(value: &str) -> Result<String, Failure> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if value.is_empty() || !value.bytes().all(is_token) {
        return Err(Failure::usage(format_args!("option -X needs a method such as POST")));
    }
    Ok(value.to_string())
}

/// The text of `--help`.
pub fn help() -> String {
    let mut lines =
        vec!["Usage: curl-trigger [options] <url>, or TRIGGER_URL in the environment\n".to_string()];
    lines.extend(table::OPTIONS.iter().map(table::Entry::help_line));
    lines.concat()
}

#[cfg(test)]
mod tests;
