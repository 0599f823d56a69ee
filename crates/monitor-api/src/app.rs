//! Connects the settings, the registry and the HTTP interface. Only this module imports all of them.

mod error;

use std::process::ExitCode;
use std::sync::Arc;

use common::auth::Authenticator;
use common::config::{ConfigError, Settings};
use common::service::{HttpService, ServiceStatus, check_health, listen};
use common::shutdown;
use common::telemetry::Telemetry;
use tokio::time::Instant;

use self::error::AppError;
use crate::cli::{Cli, Command};
use crate::config::{self, Config};
use crate::domain::cache::RegistryCache;
use crate::domain::clock::Clock;
use crate::domain::definitions::Definitions;
use crate::http::api::{Api, Deployment};
use crate::http::metrics::RegistryMetrics;
use crate::system_load::SystemLoadReader;
use crate::{http, registry};

/// Runs the command. The exit code is 0 if it succeeded or was asked to stop, 2 if a setting is wrong, and otherwise 1.
pub fn run(cli: &Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::Openapi = command {
        #[expect(clippy::print_stdout, reason = "the document is the output of the command")]
        {
            println!("{}", http::openapi_json());
        }
        return ExitCode::SUCCESS;
    }
    let settings = config::load(cli.config.as_deref());
    let telemetry = Telemetry::init("monitor-api", settings.as_ref().ok());
    let outcome = match (settings, telemetry) {
        (Ok(settings), Ok(_telemetry)) => execute(command, settings),
        (Err(error), _) | (Ok(_), Err(error)) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Uses one thread, because the program mostly waits for NATS, and one thread needs the least memory.
fn execute(command: Command, settings: Settings) -> Result<(), AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process can create timers and sockets");
    runtime.block_on(async {
        match command {
            Command::Healthcheck => Ok(check_health(config::listen_address(&settings)?).await?),
            Command::Serve | Command::Openapi => serve(Config::new(settings)?).await,
        }
    })
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
