//! Combines options, environment and files into one checked request and the rules for sending it.

mod body;
mod content;
mod credentials;
mod form;
mod literal;
pub mod output;
#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{mem::ManuallyDrop, time::Duration};

use self::{body::RequestBody, literal::LiteralVariables, output::OutputOptions};
use crate::{
    environment::Environment,
    exit::{ExitCode, Failure},
    files::ReadFile,
    header::Headers,
    idempotency,
    options::{AddressFamily, FailMode, Options},
    redirect::RedirectRules,
    request::Request,
    retry::RetryPolicy,
    secret::{Secrets, is_secret_header},
    text::split_last,
    url::{Host, Scheme, Url, glob},
    wait,
};

/// The default of `-m`. curl has no limit, but a Job that hangs forever blocks the next one.
pub const DEFAULT_MAX_TIME: Duration = Duration::from_hours(1);
/// curl's default for `--connect-timeout`.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_mins(5);
/// The cluster's own authority, mounted with every `ServiceAccount` token.
pub const SERVICE_ACCOUNT_CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
/// Where distributions keep the certificates of the public authorities.
pub const SYSTEM_CA: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// The two builds of the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flavor {
    /// `http://` only.
    Plain,
    /// `http://` and `https://`.
    Tls,
}

/// A request and the rules for sending it.
#[derive(Clone)]
pub struct Plan {
    /// The first request.
    pub request: Request,
    /// `-X`, `--location-trusted`.
    pub redirect_rules: RedirectRules,
    /// The URL is `TRIGGER_URL`: only a 2xx is a success.
    pub from_environment: bool,
    /// `-f`, `--fail-with-body`.
    pub fail: FailMode,
    /// `-L`: the maximum number of redirects; `None` follows none.
    pub max_redirects: Option<u32>,
    /// The maximum time of one transfer, redirects included; `None` is no limit.
    pub max_time: Option<Duration>,
    /// The maximum time until a transfer can send its request.
    pub connect_timeout: Duration,
    /// `--retry` and related options.
    pub retry: RetryPolicy,
    /// `--wait`: the maximum time, counted from the program's start.
    pub wait: Option<Duration>,
    /// `-4`, `-6`.
    pub family: AddressFamily,
    /// The configured CA file; `None` uses the authorities of the cluster and the system.
    pub ca_file: Option<String>,
    /// `-k`: the server's certificate is not verified.
    pub insecure: bool,
    /// `--tlsv1.3`.
    pub tls13: bool,
    /// The name in the outcome line.
    pub name: String,
    /// Where to print what.
    pub output: OutputOptions,
    /// The values to mask in all output.
    pub secrets: Secrets,
    /// Notes to print before the request.
    pub warnings: Vec<String>,
}

impl Plan {
    /// Checks the options and adds the values of the environment, the files and the defaults.
    pub fn new(
        options: &Options,
        environment: &Environment<'_>,
        files: &mut dyn ReadFile,
        flavor: Flavor,
    ) -> Result<Self, Failure> {
        let from_environment = options.url.is_none();
        let given =
            options.url.as_deref().or_else(|| environment.non_empty("TRIGGER_URL")).ok_or_else(|| {
                Failure::usage(format_args!(
                    "no URL: give one as an argument, or in the environment as TRIGGER_URL; see --help"
                ))
            })?;
        let mut url = ManuallyDrop::new(match &options.url {
            Some(url) if !options.globoff => Url::parse(&glob::expand(url)?)?,
            _ => Url::parse(given)?,
        });
        check_flavor(&url, flavor)?;
        // An error ends the process, so the code that drops these values on every error path is omitted.
        let mut headers = ManuallyDrop::new(content::headers(options, files)?);
        if from_environment {
            credentials::add(&mut headers, environment, files)?;
        }
        let body = ManuallyDrop::new(body::read(options, from_environment, &mut url, files)?);
        content::add_default_headers(&mut headers, options, environment, &body)?;
        let mut secrets = ManuallyDrop::new(Secrets::default());
        for header in headers.iter().filter(|header| is_secret_header(&header.name)) {
            secrets.add(&header.value);
        }
        if let Some((_, password)) = options.user.as_deref().and_then(|user| user.split_once(':')) {
            secrets.add(password);
        }
        let output = output::options(options, environment, files)?;
        let mut variables = LiteralVariables::default();
        content::search_variables(&mut variables, given, options);
        let name = name(options, environment, &url);
        let fail_by_default = from_environment && options.fail == FailMode::Never;
        Ok(Self {
            redirect_rules: RedirectRules {
                keeps_method: options.method.is_some(),
                keeps_credentials: options.location_trusted,
            },
            from_environment,
            fail: if fail_by_default { FailMode::WithBody } else { options.fail },
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
            family: options.family,
            ca_file: ca_file(options, environment),
            insecure: options.insecure,
            tls13: options.tls13,
            output,
            request: request(body, url, headers, options.head),
            name,
            secrets: ManuallyDrop::into_inner(secrets),
            warnings: variables.into_warnings(),
        })
    }
}

fn request(
    body: ManuallyDrop<RequestBody>,
    url: ManuallyDrop<Url>,
    headers: ManuallyDrop<Headers>,
    head_only: bool,
) -> Request {
    let RequestBody { method, bytes, .. } = ManuallyDrop::into_inner(body);
    let (url, headers) = (ManuallyDrop::into_inner(url), ManuallyDrop::into_inner(headers));
    Request { method, url, headers, body: bytes, head_only }
}

/// Rejects `https://` in the plain flavor. Also used for redirects and for the URL of a run.
pub fn check_flavor(url: &Url, flavor: Flavor) -> Result<(), Failure> {
    if url.scheme == Scheme::Https && flavor == Flavor::Plain {
        return Err(Failure::new(
            ExitCode::UnsupportedProtocol,
            format_args!("https:// is not supported by this image: use the image curl-trigger-tls"),
        ));
    }
    Ok(())
}

fn ca_file(options: &Options, environment: &Environment<'_>) -> Option<String> {
    let variable =
        || environment.non_empty("CURL_CA_BUNDLE").or_else(|| environment.non_empty("SSL_CERT_FILE"));
    options.ca_file.as_deref().or_else(variable).map(ToString::to_string)
}

/// `--name`, else `TRIGGER_NAME`, else the name of the `CronJob` that made the Job, else host and path.
fn name(options: &Options, environment: &Environment<'_>, url: &Url) -> String {
    let given = options.name.as_deref().or_else(|| environment.non_empty("TRIGGER_NAME"));
    if let Some(given) = given.filter(|name| !name.is_empty()) {
        return given.to_string();
    }
    if let Some(job) = idempotency::job_name(environment) {
        // A CronJob appends the scheduled time to the names of its Jobs, in minutes since 1970: eight digits
        // until 2160.
        let is_time = |suffix: &str| suffix.len() >= 8 && suffix.bytes().all(|byte| byte.is_ascii_digit());
        return match split_last(&job, b'-') {
            Some((cronjob, suffix)) if is_time(suffix) => cronjob.to_string(),
            _ => job,
        };
    }
    match &url.host {
        Host::Name(name) => format!("{name}{}", url.path()),
        Host::Address(_) => format!("{}{}", url.authority(), url.path()),
    }
}
