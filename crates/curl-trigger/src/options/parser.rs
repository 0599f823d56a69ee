//! Parses the arguments and the files of `-K`.

use super::{
    AddressFamily, BodyPart, FailMode, FormField, Options, config_file, number, refused,
    table::{OptionId, find_long, find_short},
};
use crate::{
    exit::Failure,
    files::{ReadFile, read_text},
    redirect,
    text::has,
};
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::mem::ManuallyDrop;

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
///
/// A first argument `curl` is the name of the program: a manifest may have `args: ["curl", ...]`.
pub fn parse(arguments: &[&str], files: &mut dyn ReadFile) -> Result<Command, Failure> {
    let named = arguments.first().is_some_and(|first| matches!(*first, "curl" | "/usr/bin/curl"));
    let position = usize::from(named);
    let options = Options { max_redirects: redirect::DEFAULT_MAX, ..Options::default() };
    // An error ends the process, so the code that drops the options on every error path is omitted.
    let mut parser = Parser { options: ManuallyDrop::new(Box::new(options)), files, is_in_file: false };
    let rest = arguments.get(position..).unwrap_or_default();
    match parser.parse_all(&mut Arguments { rest, position })? {
        Some(command) => Ok(command),
        None => Ok(Command::Run(ManuallyDrop::into_inner(parser.options))),
    }
}

struct Arguments<'a> {
    rest: &'a [&'a str],
    position: usize,
}

impl<'a> Arguments<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.position += 1;
        Some(first)
    }
}

/// `Some` ends the parsing: `--help` and `--version` ignore all further arguments.
type ParseResult = Result<Option<Command>, Failure>;

struct Parser<'f> {
    options: ManuallyDrop<Box<Options>>,
    files: &'f mut dyn ReadFile,
    /// The arguments are those of a file of `-K`.
    is_in_file: bool,
}

impl Parser<'_> {
    fn parse_all(&mut self, arguments: &mut Arguments<'_>) -> ParseResult {
        let mut only_urls = false;
        while let Some(argument) = arguments.next() {
            let command = match argument.strip_prefix("--") {
                _ if only_urls => self.set_url(argument, arguments.position)?,
                Some("") => {
                    only_urls = true;
                    None
                }
                Some(name) => self.parse_long(name, arguments)?,
                None if argument.len() > 1 && argument.starts_with('-') => {
                    self.parse_short(argument, arguments)?
                }
                None => self.set_url(argument, arguments.position)?,
            };
            if command.is_some() {
                return Ok(command);
            }
        }
        Ok(None)
    }

    fn set_url(&mut self, url: &str, position: usize) -> ParseResult {
        if self.options.url.replace(url.to_string()).is_some() {
            return Err(Failure::usage(format_args!(
                "argument {position} is a second URL: use a container for each URL, and quote values that contain spaces"
            )));
        }
        Ok(None)
    }

    fn parse_long(&mut self, name: &str, arguments: &mut Arguments<'_>) -> ParseResult {
        let shown = format!("--{}", name.split('=').next().unwrap_or_default());
        let (option, on) = match find_long(name) {
            Some(option) => (option, true),
            None => match name.strip_prefix("no-").and_then(find_long).filter(|option| !option.takes_value())
            {
                Some(option) => (option, false),
                None => return Err(refused::failure(&shown, name)),
            },
        };
        if !option.takes_value() {
            return Ok(self.set_flag(option, on));
        }
        let value = arguments.next().ok_or_else(|| missing_value(&shown))?;
        self.set_value(option, &shown, value, arguments.position)
    }

    /// `-sSf`, `-XPOST`, `-X POST`.
    fn parse_short(&mut self, argument: &str, arguments: &mut Arguments<'_>) -> ParseResult {
        for (at, letter) in argument.char_indices().skip(1) {
            let shown = format!("-{letter}");
            let option = find_short(letter)
                .ok_or_else(|| refused::failure(&shown, shown.get(1..).unwrap_or_default()))?;
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
        let options = &mut self.options;
        let fail = |mode| if on { mode } else { FailMode::Never };
        let family = |family| if on { family } else { AddressFamily::Any };
        match option {
            OptionId::Help => return Some(Command::Help),
            OptionId::Version => return Some(Command::Version),
            OptionId::Fail => options.fail = fail(FailMode::WithoutBody),
            OptionId::FailWithBody => options.fail = fail(FailMode::WithBody),
            OptionId::Ipv4 => options.family = family(AddressFamily::Ipv4),
            OptionId::Ipv6 => options.family = family(AddressFamily::Ipv6),
            OptionId::LocationTrusted => (options.location, options.location_trusted) = (on, on),
            // The others, such as `--no-buffer`, have no effect.
            _ => {
                if let Some(flag) = options.flag(option) {
                    *flag = on;
                }
            }
        }
        None
    }

    fn set_value(&mut self, option: OptionId, shown: &str, value: &str, position: usize) -> ParseResult {
        let options = &mut self.options;
        let text = value.to_string();
        match option {
            OptionId::Url => return self.set_url(value, position),
            OptionId::Config => return self.read_config(value),
            OptionId::Request => options.method = Some(method(text)?),
            OptionId::Header => options.headers.push(text),
            OptionId::Cookie => options.cookies.push(cookie(text)?),
            OptionId::Data => options.data.push(data(text, BodyPart::FileWithoutLineBreaks)),
            OptionId::DataBinary => options.data.push(data(text, BodyPart::File)),
            OptionId::DataRaw => options.data.push(BodyPart::Text(text)),
            OptionId::DataUrlencode => options.data.push(BodyPart::UrlEncoded(text)),
            OptionId::Json => {
                options.json = true;
                options.data.push(data(text, BodyPart::File));
            }
            OptionId::Form => options.form.push(FormField { text, is_literal: false }),
            OptionId::FormString => options.form.push(FormField { text, is_literal: true }),
            OptionId::MaxRedirs if value == "-1" => options.max_redirects = u32::MAX,
            OptionId::MaxRedirs => options.max_redirects = number::whole(shown, value)?,
            OptionId::Retry => options.retry.retries = number::whole(shown, value)?,
            OptionId::RetryDelay => options.retry.delay = number::whole_seconds(shown, value)?,
            OptionId::RetryMaxTime => options.retry.max_time = number::whole_seconds(shown, value)?,
            OptionId::MaxTime => options.max_time = Some(number::seconds(shown, value)?),
            OptionId::ConnectTimeout => options.connect_timeout = Some(number::seconds(shown, value)?),
            OptionId::WaitTimeout => options.wait_timeout = Some(number::seconds(shown, value)?),
            // `--noproxy` and others have no effect.
            _ => {
                // As in curl, the first file is that of the first URL.
                let keeps_first = matches!(option, OptionId::UploadFile | OptionId::Output);
                if let Some(slot) = options.text(option).filter(|slot| slot.is_none() || !keeps_first) {
                    *slot = Some(text);
                }
            }
        }
        Ok(None)
    }

    /// `-K`: one option per line.
    fn read_config(&mut self, path: &str) -> ParseResult {
        if self.is_in_file {
            return Err(Failure::usage(format_args!("give each file of -K as an argument")));
        }
        let text = read_text(self.files, path, "the file of -K,")?;
        self.is_in_file = true;
        for (number, line) in (1_u64..).zip(text.lines()) {
            let words = config_file::words(line);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut arguments = Arguments { rest: &words, position: 0 };
            let at =
                |what: &str| Failure::usage(format_args!("line {number} of {path}, a file of -K: {what}"));
            let command = self.parse_line(&mut arguments).map_err(|failure| at(&failure.message))?;
            if command.is_some() {
                return Ok(command);
            }
            // A line has one option, so a word that it does not take is not a URL.
            if !arguments.rest.is_empty() {
                return Err(at("quote values that contain spaces"));
            }
        }
        self.is_in_file = false;
        Ok(None)
    }

    fn parse_line(&mut self, arguments: &mut Arguments<'_>) -> ParseResult {
        let Some(option) = arguments.next() else {
            return Ok(None);
        };
        match option.strip_prefix("--") {
            Some(name) => self.parse_long(name, arguments),
            None => self.parse_short(option, arguments),
        }
    }
}

fn missing_value(shown: &str) -> Failure {
    Failure::usage(format_args!("option {shown} needs a value"))
}

fn data(value: String, file: fn(String) -> BodyPart) -> BodyPart {
    match value.strip_prefix('@') {
        Some(path) => file(path.to_string()),
        None => BodyPart::Text(value),
    }
}

fn method(value: String) -> Result<String, Failure> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if value.is_empty() || !value.bytes().all(is_token) {
        return Err(Failure::usage(format_args!("option -X needs a method such as POST")));
    }
    Ok(value)
}

fn cookie(value: String) -> Result<String, Failure> {
    if value.starts_with('@') || !has(&value, b'=') {
        return Err(Failure::usage(format_args!(
            "option -b needs 'NAME=VALUE; NAME=VALUE': cookies are not read from files"
        )));
    }
    Ok(value)
}
