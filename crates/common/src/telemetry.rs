//! Logs on standard error, and traces over OTLP where an endpoint is configured.

use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::redirect::Policy;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::config::{ConfigError, Settings, Variable};
use crate::tls;

/// The maximum duration of one export of traces.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

const DEFAULT_LOG_LEVEL: &str = "info";

/// The variables of this module, for a program's list.
pub const VARIABLES: [Variable; 3] = [
    Variable::plain("LOG_FORMAT", "json or pretty").with_default_described("pretty on a terminal, else json"),
    Variable::plain("LOG_LEVEL", "error, warn, info, debug, trace, or a filter of tracing's")
        .with_default(DEFAULT_LOG_LEVEL),
    Variable::plain(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "where traces are sent over OTLP/HTTP, such as http://collector:4318",
    )
    .with_default_described("none"),
];

/// Whether the last line of the terminal is a progress bar.
static PROGRESS_SHOWN: AtomicBool = AtomicBool::new(false);

/// Sets whether the last line of the terminal is a progress bar. A log line then replaces the bar until it is drawn
/// again.
pub fn progress_shown(shown: bool) {
    PROGRESS_SHOWN.store(shown, Ordering::Relaxed);
}

/// Standard error, which may also contain a progress bar. Each write is one log line.
struct LogOutput;

impl Write for LogOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        const ERASE_LINE: &[u8] = b"\r\x1b[K";
        let mut stderr = io::stderr().lock();
        if PROGRESS_SHOWN.load(Ordering::Relaxed) {
            stderr.write_all(ERASE_LINE)?;
        }
        stderr.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum LogFormat {
    Json,
    Pretty,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("use json or pretty"),
        }
    }
}

/// The filter of log events.
struct LogFilter(EnvFilter);

impl FromStr for LogFilter {
    type Err = String;

    /// A single word must be a level. tracing would read any other word as the name of a module, and log that module only.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_word = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_word && LevelFilter::from_str(text).is_err() {
            return Err(
                "use error, warn, info, debug, trace or off, or a filter such as info,sqlx=debug".to_owned()
            );
        }
        EnvFilter::from_str(text).map(Self).map_err(|error| error.to_string())
    }
}

/// Keeps telemetry running. Dropping it sends the remaining traces.
#[must_use = "traces are sent when this is dropped"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Installs logging, and tracing where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, for the whole process.
    ///
    /// Call it outside an async runtime: the exporter has its own thread and a blocking client.
    ///
    /// # Errors
    /// When a variable can't be used. Logging is installed with its defaults nevertheless, so that the error can be logged.
    pub fn init(service: &'static str, settings: Option<&Settings>) -> Result<Self, ConfigError> {
        let configured = settings.map_or_else(
            || Ok((None, None)),
            |settings| {
                Ok::<_, ConfigError>((
                    settings.parsed("LOG_FORMAT")?,
                    settings.parsed::<LogFilter>("LOG_LEVEL")?.map(|filter| filter.0),
                ))
            },
        );
        let (format, filter, mut problem) = match configured {
            Ok((format, filter)) => (format, filter, None),
            Err(error) => (None, None, Some(error)),
        };
        let traces = match settings.and_then(|settings| settings.text("OTEL_EXPORTER_OTLP_ENDPOINT")) {
            Some(endpoint) => exporter(service, &endpoint).map_err(|error| problem = Some(error)).ok(),
            None => None,
        };
        let spans = traces
            .as_ref()
            .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer(service)));
        let filter = filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_LOG_LEVEL));
        tracing_subscriber::registry()
            .with(log_layer(format))
            .with(spans)
            .with(without_library_texts(filter))
            .init();
        match problem {
            Some(error) => Err(error),
            None => Ok(Self { traces }),
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.traces.as_ref().map(SdkTracerProvider::shutdown) {
            tracing::warn!(%error, "some traces were not sent");
        }
    }
}

/// Excludes the texts of libraries that can contain values or credentials: notices of Postgres servers, and the connections of
/// the NATS client.
fn without_library_texts(filter: EnvFilter) -> EnvFilter {
    ["sqlx::postgres::notice=off", "async_nats=off"].into_iter().fold(filter, |filter, directive| {
        filter.add_directive(directive.parse().expect("the directive is a constant"))
    })
}

fn log_layer(format: Option<LogFormat>) -> Box<dyn Layer<Registry> + Send + Sync> {
    let terminal = io::stderr().is_terminal();
    let default = if terminal { LogFormat::Pretty } else { LogFormat::Json };
    let lines = tracing_subscriber::fmt::layer().with_writer(|| LogOutput);
    match format.unwrap_or(default) {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_target(false).boxed(),
        LogFormat::Pretty => lines.with_ansi(terminal).with_target(false).boxed(),
    }
}

fn exporter(service: &'static str, endpoint: &str) -> Result<SdkTracerProvider, ConfigError> {
    use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};

    // Every message with the address would show it.
    if endpoint.split("://").nth(1).is_some_and(|rest| rest.split('/').next().unwrap_or(rest).contains('@')) {
        let problem = "holds a user or password; set it to an address without one";
        return Err(ConfigError::variable("OTEL_EXPORTER_OTLP_ENDPOINT", problem));
    }
    let is_http =
        |scheme: &str| endpoint.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if !is_http("http://") && !is_http("https://") {
        let problem = "is not a URL with http:// or https://, such as http://collector:4318";
        return Err(ConfigError::variable("OTEL_EXPORTER_OTLP_ENDPOINT", problem));
    }
    tls::install_provider();
    let problem = |error: String| ConfigError::variable("OTEL_EXPORTER_OTLP_ENDPOINT", error);
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(export_client(endpoint).map_err(|error| problem(error.to_string()))?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|error| problem(error.to_string()))?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// The client that sends traces. It has the rules of [`crate::http`] for TLS and proxies, because
/// `OTEL_EXPORTER_OTLP_HEADERS` may contain a token.
fn export_client(endpoint: &str) -> reqwest::Result<reqwest::blocking::Client> {
    let client = reqwest::blocking::Client::builder().timeout(EXPORT_TIMEOUT).redirect(Policy::none());
    if tls::is_https(endpoint) {
        client.tls_backend_preconfigured(tls::system_config()).build()
    } else {
        client.tls_certs_only([]).no_proxy().build()
    }
}

/// Makes the span a part of the trace in a request's headers, if there is one.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    let fields: std::collections::HashMap<String, String> = ["traceparent", "tracestate"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), headers.get(name)?.to_str().ok()?.to_owned())))
        .collect();
    if !fields.is_empty() {
        // It fails only when tracing is not configured.
        let _ = span.set_parent(TraceContextPropagator::new().extract(&fields));
    }
}

/// The W3C trace context of the current span as request headers; empty when tracing is not configured.
pub fn trace_headers() -> Vec<(String, String)> {
    let mut headers = std::collections::HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut headers);
    headers.into_iter().collect()
}
