//! The command line: curl's options with curl's meaning, and a few additional ones.
//!
//! All other options are errors, because ignoring an option would change the meaning of a request.

mod config_file;
mod number;
mod parser;
mod refused;
mod table;
#[cfg(test)]
mod tests;

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};
use core::time::Duration;

pub use self::parser::{Command, parse};
use self::table::OptionId;
use crate::retry::RetryPolicy;

/// A part of the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BodyPart {
    /// The argument itself.
    Text(String),
    /// A file (`-` is the standard input), without its line breaks.
    FileWithoutLineBreaks(String),
    /// A file (`-` is the standard input), unchanged.
    File(String),
    /// `--data-urlencode`: `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE` or `NAME@FILE`.
    UrlEncoded(String),
}

/// A part of a form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FormField {
    /// `NAME=CONTENT`.
    pub text: String,
    /// `--form-string`: no character of the content has a special meaning.
    pub is_literal: bool,
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

/// The addresses to which connections are made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AddressFamily {
    /// Any address.
    #[default]
    Any,
    /// `-4`.
    Ipv4,
    /// `-6`.
    Ipv6,
}

/// The values of the arguments, not yet combined with the environment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an option of the command line")]
pub struct Options {
    /// The URL.
    pub url: Option<String>,
    /// `-g`: braces and brackets of the URL have no special meaning.
    pub globoff: bool,
    /// `-X`.
    pub method: Option<String>,
    /// `-I`.
    pub head: bool,
    /// `-G`: the data is the query of the URL.
    pub get: bool,
    /// `-H`, in order; a value `@file` is the name of a file.
    pub headers: Vec<String>,
    /// `-d` and related options, in order.
    pub data: Vec<BodyPart>,
    /// `--json`.
    pub json: bool,
    /// `-F` and `--form-string`, in order.
    pub form: Vec<FormField>,
    /// `-T`.
    pub upload: Option<String>,
    /// `-A`.
    pub user_agent: Option<String>,
    /// `-e`.
    pub referer: Option<String>,
    /// `-b`, in order.
    pub cookies: Vec<String>,
    /// `-u`.
    pub user: Option<String>,
    /// `--compressed`.
    pub compressed: bool,
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
    /// `-L`, `--location-trusted`.
    pub location: bool,
    /// `--location-trusted`: other hosts receive the credentials too.
    pub location_trusted: bool,
    /// `--max-redirs`.
    pub max_redirects: u32,
    /// `-o`.
    pub output: Option<String>,
    /// `-D`.
    pub dump_header: Option<String>,
    /// `-w`; a value `@file` is the name of a file.
    pub write_out: Option<String>,
    /// `-m`; zero is no limit.
    pub max_time: Option<Duration>,
    /// `--connect-timeout`.
    pub connect_timeout: Option<Duration>,
    /// `--retry` and related options.
    pub retry: RetryPolicy,
    /// `-4`, `-6`.
    pub family: AddressFamily,
    /// `--cacert`.
    pub ca_file: Option<String>,
    /// `-k`: the server's certificate is not verified.
    pub insecure: bool,
    /// `--tlsv1.3`.
    pub tls13: bool,
    /// `--wait`.
    pub wait: bool,
    /// `--wait-timeout`.
    pub wait_timeout: Option<Duration>,
    /// `--idempotency-key`.
    pub idempotency_key: Option<String>,
    /// `--name`.
    pub name: Option<String>,
}

impl Options {
    /// The field of a flag that has no other effect.
    fn flag(&mut self, option: OptionId) -> Option<&mut bool> {
        Some(match option {
            OptionId::Silent => &mut self.silent,
            OptionId::ShowError => &mut self.show_error,
            OptionId::Include => &mut self.include,
            OptionId::Verbose => &mut self.verbose,
            OptionId::Head => &mut self.head,
            OptionId::Get => &mut self.get,
            OptionId::Globoff => &mut self.globoff,
            OptionId::Compressed => &mut self.compressed,
            OptionId::Location => &mut self.location,
            OptionId::Insecure => &mut self.insecure,
            OptionId::Tls13 => &mut self.tls13,
            OptionId::RetryConnrefused => &mut self.retry.refused,
            OptionId::RetryAllErrors => &mut self.retry.all_errors,
            OptionId::Wait => &mut self.wait,
            _ => return None,
        })
    }

    /// The field of an option whose value is stored unchanged.
    fn text(&mut self, option: OptionId) -> Option<&mut Option<String>> {
        Some(match option {
            OptionId::UploadFile => &mut self.upload,
            OptionId::Output => &mut self.output,
            OptionId::DumpHeader => &mut self.dump_header,
            OptionId::UserAgent => &mut self.user_agent,
            OptionId::Referer => &mut self.referer,
            OptionId::User => &mut self.user,
            OptionId::WriteOut => &mut self.write_out,
            OptionId::CaCert => &mut self.ca_file,
            OptionId::IdempotencyKey => &mut self.idempotency_key,
            OptionId::Name => &mut self.name,
            _ => return None,
        })
    }
}

/// The text of `--help`. The meanings of curl's options would be a fiftieth of the program.
pub fn help() -> String {
    let mut lines =
        vec!["Usage: curl-trigger [options] <url>, or TRIGGER_URL in the environment\n\
              The options have curl's meaning, except those with a description. docs/curl-trigger.md is the manual.\n".to_string()];
    lines.extend(table::OPTIONS.iter().map(table::OptionSpec::help_line));
    lines.concat()
}
