//! Options, environment and files made into one checked request and the rules for sending it.

mod credentials;
#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use crate::{
    environment::Environment,
    exit::{Code, Failure},
    header::{Header, Headers, Rule},
    idempotency,
    options::{Data, Fail, Options},
    request::Request,
    retry::Policy,
    secret::{Secrets, is_secret_header},
    url::{Host, Scheme, Url},
    wait,
};

/// A transfer without `-m` ends after this long: a Job that hangs for ever helps nobody.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_hours(1);
/// curl's own default for `--connect-timeout`.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_mins(5);
/// The longest body or header file that is read.
pub const MAX_FILE: usize = 64 * 1024 * 1024;
/// Where the kubelet looks for a container's last words.
pub const TERMINATION_LOG: &str = "/dev/termination-log";
/// The cluster's own authority, mounted with every `ServiceAccount` token.
pub const SERVICE_ACCOUNT_CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
/// Where distributions keep the authorities of the public web.
pub const SYSTEM_CA: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Reads files for the plan. The path `-` is the standard input.
pub trait ReadFile {
    /// The bytes of a file of at most `limit` bytes, or why not, in words.
    fn read(&mut self, path: &str, limit: usize) -> Result<Vec<u8>, String>;
}

/// Whether a flavour of the program speaks TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flavour {
    /// `http://` only.
    Plain,
    /// `https://` as well.
    Tls,
}

/// What is to be printed where.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an option of the command line")]
pub struct Output {
    /// `-o`; `None` is the standard output.
    pub file: Option<String>,
    /// `-i`.
    pub include: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-s` without `-S`: nothing but the answer.
    pub quiet: bool,
    /// The status line is printed before the body, as neither `-s` nor `-i` was given.
    pub status_line: bool,
    /// `-w`.
    pub write_out: Option<String>,
    /// Where the outcome line is written too, and whether the environment named the place.
    pub termination_message: (String, bool),
}

/// A request and the rules for sending it.
#[derive(Clone)]
pub struct Plan {
    /// The first request.
    pub request: Request,
    /// `-X` was given, which redirects respect.
    pub method_chosen: bool,
    /// `TRIGGER_URL` was used: only a 2xx is a success.
    pub from_environment: bool,
    /// `-f` and its relative.
    pub fail: Fail,
    /// `-L`: how many redirects to follow.
    pub max_redirects: Option<u32>,
    /// The time of one transfer, redirects included; `None` is no limit.
    pub max_time: Option<Duration>,
    /// The time until a transfer's request can be sent.
    pub connect_timeout: Duration,
    /// `--retry` and its relatives.
    pub retry: Policy,
    /// `--wait`: how long, counted from the program's start.
    pub wait: Option<Duration>,
    /// The CA file that was named; `None` is those of the cluster and the system.
    pub ca_file: Option<String>,
    /// The name in the outcome line.
    pub name: String,
    /// What is to be printed where.
    pub output: Output,
    /// What must not be printed.
    pub secrets: Secrets,
}

impl Plan {
    /// Checks and completes what was asked for.
    pub fn new(
        options: &Options,
        environment: &Environment<'_>,
        files: &mut dyn ReadFile,
        flavour: Flavour,
    ) -> Result<Self, Failure> {
        let from_environment = options.url.is_none();
        let url = options.url.as_deref().or_else(|| environment.filled("TRIGGER_URL")).ok_or_else(|| {
            Failure::usage(format_args!(
                "no URL: give one as an argument, or in the environment as TRIGGER_URL; see --help"
            ))
        })?;
        let url = Url::parse(url)?;
        check_flavour(&url, flavour)?;
        let mut secrets = Secrets::default();
        let mut headers = given_headers(options, files)?;
        if from_environment {
            credentials::add(&mut headers, environment, files)?;
        }
        for header in headers.iter().filter(|header| is_secret_header(&header.name)) {
            secrets.add(&header.value);
        }
        let body = body(options, files)?;
        let method = match &options.method {
            Some(method) => method.clone(),
            None if body.is_some() || from_environment => "POST".to_string(),
            None => "GET".to_string(),
        };
        add_defaults(&mut headers, options, environment, &method, body.is_some())?;
        let name = name(options, environment, &url);
        Ok(Self {
            method_chosen: options.method.is_some(),
            from_environment,
            fail: if from_environment && options.fail == Fail::No { Fail::WithBody } else { options.fail },
            max_redirects: options.location.then_some(options.max_redirects),
            max_time: Some(options.max_time.unwrap_or(DEFAULT_MAX_TIME)).filter(|time| !time.is_zero()),
            connect_timeout: options
                .connect_timeout
                .filter(|time| !time.is_zero())
                .unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            retry: options.retry,
            wait: options.wait.then(|| {
                let limits = [options.wait_timeout, options.max_time];
                limits.into_iter().flatten().find(|time| !time.is_zero()).unwrap_or(wait::DEFAULT_TIMEOUT)
            }),
            ca_file: ca_file(options, environment),
            output: output(options, environment, files)?,
            request: Request { method, url, headers, body },
            name,
            secrets,
        })
    }
}

/// Refuses what this flavour does not speak; redirects and links are checked with it as well.
pub fn check_flavour(url: &Url, flavour: Flavour) -> Result<(), Failure> {
    if url.scheme == Scheme::Https && flavour == Flavour::Plain {
        return Err(Failure::new(
            Code::UnsupportedProtocol,
            format_args!(
                "https:// is not spoken by this program, which is the plain-HTTP one: use the image curl-trigger-tls"
            ),
        ));
    }
    Ok(())
}

fn read_text(files: &mut dyn ReadFile, path: &str, what: &str) -> Result<String, Failure> {
    let bytes = read_bytes(files, path, what)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Code::Read, format_args!("{what} {path} is not UTF-8 text")))
}

fn read_bytes(files: &mut dyn ReadFile, path: &str, what: &str) -> Result<Vec<u8>, Failure> {
    files
        .read(path, MAX_FILE)
        .map_err(|why| Failure::new(Code::Read, format_args!("{what} {path} can't be read: {why}")))
}

fn given_headers(options: &Options, files: &mut dyn ReadFile) -> Result<Headers, Failure> {
    let mut headers = Headers::default();
    let mut push =
        |text: &str| Rule::parse(text).map(|rule| rule.into_iter().for_each(|rule| headers.push(rule)));
    for given in &options.headers {
        match given.strip_prefix('@') {
            Some(path) => read_text(files, path, "the header file")?.lines().try_for_each(&mut push)?,
            None => push(given)?,
        }
    }
    Ok(headers)
}

fn body(options: &Options, files: &mut dyn ReadFile) -> Result<Option<Vec<u8>>, Failure> {
    let mut body: Option<Vec<u8>> = None;
    for data in &options.data {
        let piece = match data {
            Data::Text(text) => text.clone().into_bytes(),
            Data::File(path) => read_bytes(files, path, "the data file")?,
            Data::FileWithoutBreaks(path) => {
                let mut bytes = read_bytes(files, path, "the data file")?;
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
                bytes
            }
        };
        body = Some(match body {
            None => piece,
            // Pieces of a form are joined as a form's fields; pieces of JSON are not.
            Some(before) if options.json => [before, piece].concat(),
            Some(before) => [before, piece].join(&b'&'),
        });
    }
    Ok(body)
}

fn add_defaults(
    headers: &mut Headers,
    options: &Options,
    environment: &Environment<'_>,
    method: &str,
    has_body: bool,
) -> Result<(), Failure> {
    let own_agent = concat!("curl-trigger/", env!("CARGO_PKG_VERSION"));
    let agent = options.user_agent.as_deref().unwrap_or(own_agent);
    if !agent.is_empty() {
        headers.set_default(Header::new("User-Agent", agent)?);
    }
    headers.set_default(Header::new("Accept", if options.json { "application/json" } else { "*/*" })?);
    if has_body {
        let kind = if options.json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.set_default(Header::new("Content-Type", kind)?);
    }
    // Other methods are safe to repeat by themselves (RFC 9110 section 9.2.2).
    if matches!(method, "POST" | "PATCH") {
        let flag = options.idempotency_key.as_deref();
        match idempotency::key(flag, environment) {
            Some(key) => headers.set_default(Header::new("Idempotency-Key", &format!("\"{key}\""))?),
            None if flag.is_some_and(|flag| !flag.is_empty()) => {
                return Err(Failure::usage(format_args!(
                    "option --idempotency-key needs at most 255 printable characters, no quotes"
                )));
            }
            None => {}
        }
    }
    Ok(())
}

fn output(
    options: &Options,
    environment: &Environment<'_>,
    files: &mut dyn ReadFile,
) -> Result<Output, Failure> {
    let write_out = match options.write_out.as_deref().map(|format| (format, format.strip_prefix('@'))) {
        Some((_, Some(path))) => Some(read_text(files, path, "the --write-out file")?),
        Some((format, None)) => Some(format.to_string()),
        None => None,
    };
    let named = environment.filled("TERMINATION_MESSAGE_PATH");
    Ok(Output {
        file: options.output.clone().filter(|path| path != "-"),
        include: options.include,
        verbose: options.verbose,
        quiet: options.silent && !options.show_error,
        status_line: !options.silent && !options.include && !options.verbose,
        write_out,
        termination_message: (named.unwrap_or(TERMINATION_LOG).to_string(), named.is_some()),
    })
}

fn ca_file(options: &Options, environment: &Environment<'_>) -> Option<String> {
    let named = || environment.filled("CURL_CA_BUNDLE").or_else(|| environment.filled("SSL_CERT_FILE"));
    options.ca_file.as_deref().or_else(named).map(ToString::to_string)
}

/// `--name`, else `TRIGGER_NAME`, else the `CronJob`'s name out of the Job's, else host and path.
fn name(options: &Options, environment: &Environment<'_>, url: &Url) -> String {
    let given = options.name.as_deref().or_else(|| environment.filled("TRIGGER_NAME"));
    if let Some(given) = given.filter(|name| !name.is_empty()) {
        return given.to_string();
    }
    if let Some(job) = idempotency::job_name(environment) {
        // A CronJob names its Jobs by the scheduled minute since 1970, eight digits until 2160.
        let scheduled = |end: &str| end.len() >= 8 && end.bytes().all(|byte| byte.is_ascii_digit());
        return match job.rsplit_once('-') {
            Some((cronjob, end)) if scheduled(end) => cronjob.to_string(),
            _ => job,
        };
    }
    match &url.host {
        Host::Name(name) => format!("{name}{}", url.path()),
        Host::Address(_) => format!("{}{}", url.authority(), url.path()),
    }
}
