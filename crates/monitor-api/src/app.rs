//! Connects the settings, the registry and the HTTP interface. Only this module imports all of them.

mod error;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use common::auth::Authenticator;
use common::config::{ConfigError, Settings, Variable};
use common::service::{HttpService, ServiceProgram, ServiceStatus, listen, run_service};
use common::shutdown;
use tokio::time::Instant;

use self::error::AppError;
use crate::cli::Cli;
use crate::config::{self, Config};
use crate::domain::cache::RegistryCache;
use crate::domain::clock::Clock;
use crate::domain::definitions::Definitions;
use crate::http::api::{Api, Deployment};
use crate::http::metrics::RegistryMetrics;
use crate::system_load::SystemLoadReader;
use crate::{http, registry};

/// The program.
struct MonitorApiProgram;

impl ServiceProgram for MonitorApiProgram {
    type Error = AppError;
    const NAME: &'static str = "monitor-api";

    fn variables() -> &'static [Variable] {
        &config::VARIABLES
    }

    fn openapi() -> String {
        http::openapi_json()
    }

    fn listen_address(settings: &Settings) -> Result<SocketAddr, ConfigError> {
        config::listen_address(settings)
    }

    async fn serve(settings: Settings) -> Result<(), AppError> {
        serve(Config::new(settings)?).await
    }
}

/// Runs the command, and returns the program's exit code.
pub fn run(cli: &Cli) -> ExitCode {
    run_service::<MonitorApiProgram>(&cli.service)
}

async fn serve(config: Config) -> Result<(), AppError> {
    let started = Instant::now();
    let authenticator = authenticator(config.settings()).await?;
    let clock = Clock::system();
    let cache = Arc::new(RegistryCache::new(config.stale_threshold, clock.clone()));
    let buckets = &config.buckets;
    let connected = registry::start(&config.nats, &buckets.instances, &buckets.definitions, &cache).await?;

    let mut metrics_registry = prometheus_client::registry::Registry::with_prefix("monitor_api");
    let metrics = RegistryMetrics::register(&mut metrics_registry);
    let service = HttpService::new("monitor-api", config.service.clone(), authenticator, metrics_registry)
        .with_error_format(http::format_error)
        .with_probes(http::PROBES);
    let api = Arc::new(Api {
        definitions: Definitions::new(Arc::clone(&connected.store), Arc::clone(&cache), clock.clone()),
        cache: Arc::clone(&cache),
        backend: Arc::clone(&connected.backend),
        metrics,
        streams: service.streams(),
        deployment: Deployment {
            nats_url: connected.nats_url.clone(),
            environment: config.environment.as_str(),
            version: config.deployment_version,
        },
        system_load: SystemLoadReader::new(),
        clock,
        started,
    });
    let http_router = service.router(http::service_routes(&api), api as Arc<dyn ServiceStatus>);
    let http_router = http::with_normalized_paths(http_router);

    let listener = listen(config.service.listen_address)?;
    let address = listener.local_addr().unwrap_or(config.service.listen_address);
    tracing::info!(%address, nats = connected.nats_url, version = env!("CARGO_PKG_VERSION"), "serving");
    let stop_requested = async {
        shutdown::requested().await;
        tracing::info!("stopping");
    };
    tokio::select! {
        () = service.serve(listener, http_router, stop_requested) => {}
        () = cache.report_stale() => {}
    }
    tracing::info!("stopped");
    Ok(())
}

async fn authenticator(settings: &Settings) -> Result<Authenticator, ConfigError> {
    let authenticator = Authenticator::from_settings(settings, None).await?;
    if !authenticator.configured() {
        tracing::warn!(
            "no credential is configured, so every client that reaches this port can change the definitions of services; set \
             INTERNAL_TOKEN, ADMIN_SECRET, JWT_SECRET, JWKS_FILE or JWKS_URL"
        );
    } else if authenticator.only_readers() {
        tracing::warn!(
            "READ_TOKEN is the only credential, so no caller can change the definitions of services; set INTERNAL_TOKEN or \
             ADMIN_SECRET too, unless that is intended"
        );
    }
    Ok(authenticator)
}
