//! The command line: curl's options with curl's meaning, and a few additional ones.
//!
//! All other options are errors, because ignoring an option would change the meaning of a request.

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

use self::table::{OptionId, find_long, find_short};
use crate::{exit::Failure, redirect, retry::RetryPolicy};

/// A part of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BodyPart {
    /// The argument itself.
    Text(String),
    /// A file (`-` is the standard input), without its line breaks.
    FileWithoutLineBreaks(String),
    /// A file (`-` is the standard input), unchanged.
    File(String),
}

/// How a response of 400 or above is handled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum FailMode {
    /// It is printed, and the exit code is 0.
    #[default]
    Never,
    /// `-f`: it is not printed, and the exit code is 22.
    WithoutBody,
    /// `--fail-with-body`: it is printed, and the exit code is 22.
    WithBody,
}

/// The values of the arguments, not yet combined with the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an option of the command line")]
pub struct Options {
    /// The URL.
    pub url: Option<String>,
    /// `-X`.
    pub method: Option<String>,
    /// `-H`, in order; a value `@file` is the name of a file.
    pub headers: Vec<String>,
    /// `-d` and related options, in order.
    pub data: Vec<BodyPart>,
    /// `--json`.
    pub json: bool,
    /// `-A`.
    pub user_agent: Option<String>,
    /// `-f`, `--fail-with-body`.
    pub fail: FailMode,
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
    /// `-w`; a value `@file` is the name of a file.
    pub write_out: Option<String>,
    /// `-m`; zero is no limit.
    pub max_time: Option<Duration>,
    /// `--connect-timeout`.
    pub connect_timeout: Option<Duration>,
    /// `--retry` and related options.
    pub retry: RetryPolicy,
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

/// The command of the arguments.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command {
    /// Make a request.
    Run(Box<Options>),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// Parses the arguments, without the program's name. An error contains the option, never its value.
pub fn parse<'a>(arguments: impl Iterator<Item = &'a str>) -> Result<Command, Failure> {
    let mut options = Options { max_redirects: redirect::DEFAULT_MAX, ..Options::default() };
    let mut arguments = Arguments { rest: arguments, position: 0 };
    let mut only_urls = false;
    while let Some(argument) = arguments.next() {
        let command = match argument.strip_prefix("--") {
            _ if only_urls => options.set_url(argument, arguments.position)?,
            Some("") => {
                only_urls = true;
                None
            }
            Some(name) => options.parse_long(name, &mut arguments)?,
            None if argument.len() > 1 && argument.starts_with('-') => {
                options.parse_short(argument, &mut arguments)?
            }
            None => options.set_url(argument, arguments.position)?,
        };
        if let Some(command) = command {
            return Ok(command);
        }
    }
    Ok(Command::Run(Box::new(options)))
}

struct Arguments<I> {
    rest: I,
    position: usize,
}

impl<'a, I: Iterator<Item = &'a str>> Arguments<I> {
    fn next(&mut self) -> Option<&'a str> {
        self.position += 1;
        self.rest.next()
    }
}

/// `Some` ends the parsing: `--help` and `--version` ignore all further arguments.
type ParseResult = Result<Option<Command>, Failure>;

impl Options {
    fn set_url(&mut self, url: &str, position: usize) -> ParseResult {
        if self.url.replace(url.to_string()).is_some() {
            return Err(Failure::usage(format_args!(
                "argument {position} is a second URL: only one is supported; quote values that contain spaces"
            )));
        }
        Ok(None)
    }

    fn parse_long<'a>(
        &mut self,
        name: &str,
        arguments: &mut Arguments<impl Iterator<Item = &'a str>>,
    ) -> ParseResult {
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
            return Ok(self.set_flag(option, on));
        }
        let value = arguments.next().ok_or_else(|| missing_value(&shown))?;
        self.set_value(option, &shown, value, arguments.position)
    }

    /// `-sSf`, `-XPOST`, `-X POST`.
    fn parse_short<'a>(
        &mut self,
        argument: &'a str,
        arguments: &mut Arguments<impl Iterator<Item = &'a str>>,
    ) -> ParseResult {
        for (at, letter) in argument.char_indices().skip(1) {
            let shown = format!("-{letter}");
            let option = find_short(letter).ok_or_else(|| unsupported(&shown))?;
            if option.takes_value() {
                let rest = argument.get(at + letter.len_utf8()..).filter(|rest| !rest.is_empty());
                let value = rest.or_else(|| arguments.next()).ok_or_else(|| missing_value(&shown))?;
                return self.set_value(option, &shown, value, arguments.position);
            }
            if let Some(command) = self.set_flag(option, true) {
                return Ok(Some(command));
            }
        }
        Ok(None)
    }

    fn set_flag(&mut self, option: OptionId, on: bool) -> Option<Command> {
        let fail = |mode| if on { mode } else { FailMode::Never };
        match option {
            OptionId::Help => return Some(Command::Help),
            OptionId::Version => return Some(Command::Version),
            OptionId::Fail => self.fail = fail(FailMode::WithoutBody),
            OptionId::FailWithBody => self.fail = fail(FailMode::WithBody),
            OptionId::Silent => self.silent = on,
            OptionId::ShowError => self.show_error = on,
            OptionId::Include => self.include = on,
            OptionId::Verbose => self.verbose = on,
            OptionId::Location => self.location = on,
            OptionId::RetryConnrefused => self.retry.refused = on,
            OptionId::RetryAllErrors => self.retry.all_errors = on,
            OptionId::Wait => self.wait = on,
            // The others, such as `--no-buffer`, have no effect.
            _ => {}
        }
        None
    }

    fn set_value(&mut self, option: OptionId, shown: &str, value: &str, position: usize) -> ParseResult {
        let text = || Some(value.to_string());
        match option {
            OptionId::Url => return self.set_url(value, position),
            OptionId::Request => self.method = Some(method(value)?),
            OptionId::Header => self.headers.push(value.to_string()),
            OptionId::Data => self.data.push(data(value, BodyPart::FileWithoutLineBreaks)),
            OptionId::DataBinary => self.data.push(data(value, BodyPart::File)),
            OptionId::DataRaw => self.data.push(BodyPart::Text(value.to_string())),
            OptionId::Json => {
                self.json = true;
                self.data.push(data(value, BodyPart::File));
            }
            OptionId::UserAgent => self.user_agent = text(),
            OptionId::Output => self.output = text(),
            OptionId::WriteOut => self.write_out = text(),
            OptionId::MaxTime => self.max_time = Some(number::seconds(shown, value)?),
            OptionId::ConnectTimeout => self.connect_timeout = Some(number::seconds(shown, value)?),
            OptionId::MaxRedirs => {
                self.max_redirects = if value == "-1" { u32::MAX } else { number::whole(shown, value)? }
            }
            OptionId::Retry => self.retry.retries = number::whole(shown, value)?,
            OptionId::RetryDelay => {
                self.retry.delay = Duration::from_secs(number::whole(shown, value)?.into());
            }
            OptionId::RetryMaxTime => {
                self.retry.max_time = Duration::from_secs(number::whole(shown, value)?.into());
            }
            OptionId::CaCert => self.ca_file = text(),
            OptionId::WaitTimeout => self.wait_timeout = Some(number::seconds(shown, value)?),
            OptionId::IdempotencyKey => self.idempotency_key = text(),
            OptionId::Name => self.name = text(),
            _ => {}
        }
        Ok(None)
    }
}

fn unsupported(shown: &str) -> Failure {
    Failure::usage(format_args!("option {shown} is not supported, even if curl supports it: see --help"))
}

fn missing_value(shown: &str) -> Failure {
    Failure::usage(format_args!("option {shown} needs a value"))
}

fn data(value: &str, file: fn(String) -> BodyPart) -> BodyPart {
    match value.strip_prefix('@') {
        Some(path) => file(path.to_string()),
        None => BodyPart::Text(value.to_string()),
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
    lines.extend(table::OPTIONS.iter().map(table::OptionSpec::help_line));
    lines.concat()
}

#[cfg(test)]
mod tests;
