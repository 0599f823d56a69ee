//! Connects the settings, the store, the executor and the HTTP interface. Only this module imports all of them.

mod background;
mod error;
mod executor;
mod history;
mod registered;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::auth::{Authenticator, TokenReviewer};
use common::config::{ConfigError, Settings, Variable};
use common::kubernetes::{self as cluster, Cluster};
use common::service::{HttpService, ServiceProgram, ServiceStatus, listen, run_service};
use common::shutdown;
use prometheus_client::registry::Registry;
use trigger_core::runner::Runner;
use trigger_core::runs::{Parts, Runs};

use self::background::BackgroundTasks;
use self::error::AppError;
use self::executor::RunningExecutor;
use self::history::History;
use self::registered::RegisteredService;
use crate::cli::Cli;
use crate::config::{self, Config, ExecutorKind};
use crate::http::metrics::RunMetrics;
use crate::http::{self, Aliases, Api};
use crate::tasks;

/// The time limit for storing the last observations when the program stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The program.
struct TriggerApiProgram;

impl ServiceProgram for TriggerApiProgram {
    type Error = AppError;
    const NAME: &'static str = "trigger-api";

    fn variables() -> &'static [Variable] {
        &config::VARIABLES
    }

    fn openapi() -> String {
        http::openapi_json(&tasks::definitions())
    }

    async fn serve(settings: Settings) -> Result<(), AppError> {
        Box::pin(serve(Config::new(settings)?)).await
    }
}

/// Runs the command, and returns the program's exit code.
pub fn run(cli: &Cli) -> ExitCode {
    run_service::<TriggerApiProgram>(&cli.service)
}

async fn serve(config: Config) -> Result<(), AppError> {
    let cluster = match &config.executor {
        ExecutorKind::Kubernetes => Some(cluster::connect().await?),
        #[cfg(feature = "local")]
        ExecutorKind::Local(_) => None,
    };
    let namespace = cluster.as_ref().map_or("local", |cluster| cluster.namespace.as_str()).to_owned();
    let targets = config.targets.resolve(&namespace)?;
    let aliases = Aliases::new(&config.aliases, &targets, &tasks::definitions())?;
    let authenticator = authenticator(config.settings(), cluster.as_ref()).await?;

    let history = History::open(&config).await?;
    let (queue, task_store) = history.queue(&targets, &namespace);
    let runner = Runner::new(
        config.runner,
        Arc::clone(&queue),
        task_store,
        Arc::clone(&history.recorder),
        Arc::clone(&history.feed),
        Arc::clone(&history.logs),
    );
    let registration = config.registration.clone().map(|mut registration| {
        let instance = registration.instance.with_metadata("namespace", namespace.as_str());
        registration.instance = instance.with_metadata("targets", targets.iter().count());
        registration
    });
    let cronjobs: Vec<_> = targets.cronjobs().cloned().collect();
    let running = RunningExecutor::start(&config, cluster.as_ref(), &cronjobs, &history).await?;
    let executor = running.executor();
    let runs = Runs::new(Parts {
        targets,
        executor: Arc::clone(&executor),
        queue: Arc::clone(&queue),
        store: Arc::clone(&history.store),
        recorder: Arc::clone(&history.recorder),
        feed: Arc::clone(&history.feed),
        logs: Arc::clone(&history.logs),
    });

    let mut registry = Registry::with_prefix("trigger_api");
    let metrics = Arc::new(RunMetrics::register(&mut registry));
    let service = HttpService::new("trigger-api", config.service.clone(), authenticator, registry);
    let api = Arc::new(Api {
        runs,
        metrics: Arc::clone(&metrics),
        streams: service.streams(),
        default_waits: config.targets.default_waits(),
    });
    let routes = http::service_routes(&api, &tasks::definitions(), &aliases);
    let http_router = service.router(routes, Arc::clone(&api) as Arc<dyn ServiceStatus>);
    let _background = BackgroundTasks::start(&history, config.retention, executor, queue, Arc::clone(&api));
    let runner = tokio::spawn(runner.run(service.stopping()));

    let listener = listen(config.service.listen_address)?;
    let address = listener.local_addr().unwrap_or(config.service.listen_address);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    let stop_requested = async {
        shutdown::requested().await;
        tracing::info!("stopping");
    };
    let registered = RegisteredService::start(registration, api).await?;
    tokio::join!(
        service.serve(listener, http_router, stop_requested),
        registered.report_status(service.stopping()),
    );
    registered.deregister().await;
    running.shutdown().await;
    if tokio::time::timeout(DRAIN_TIMEOUT, runner).await.is_err() {
        tracing::warn!(
            "tasks did not stop in time; another replica, or the next start, continues their runs"
        );
    }
    history.recorder.drain(DRAIN_TIMEOUT).await;
    tracing::info!("stopped");
    Ok(())
}

async fn authenticator(settings: &Settings, cluster: Option<&Cluster>) -> Result<Authenticator, ConfigError> {
    let reviewer = cluster.map(|cluster| Arc::new(cluster.clone()) as Arc<dyn TokenReviewer>);
    let authenticator = Authenticator::from_settings(settings, reviewer).await?;
    if !authenticator.configured() {
        tracing::warn!(
            "no credential is configured, so every client that reaches this port can start runs; set INTERNAL_TOKEN, \
             ADMIN_SECRET, JWT_SECRET, JWKS_FILE, JWKS_URL or TOKEN_REVIEW_AUDIENCE"
        );
    } else if authenticator.only_readers() {
        tracing::warn!(
            "READ_TOKEN is the only credential, so no caller can start or cancel runs; set INTERNAL_TOKEN or ADMIN_SECRET too, \
             unless that is intended"
        );
    }
    Ok(authenticator)
}
