//! Wires settings, store, executor and interface together; the one place that sees them all.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use common::auth::{Authenticator, TokenReviewer};
use common::config::ConfigError;
use common::http::{RetryPolicy, RetryingClient};
use common::kubernetes::{self as cluster, Cluster, ClusterError};
use common::shutdown;
use common::telemetry::Telemetry;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cli::{Cli, Command};
use crate::config::{Config, ExecutorKind, Targets, TaskEntry};
use crate::http::gate::Gate;
use crate::http::metrics::Metrics;
use crate::http::streams::Streams;
use crate::http::{self, Api, server};
use crate::kubernetes::executor::KubernetesExecutor;
use crate::tasks;
use trigger_core::dispatcher::Dispatcher;
use trigger_core::feed::{Feed, Notice};
use trigger_core::log_buffers::LogBuffers;
use trigger_core::ports::{Executor, Retention, RunStore, StoreError, TaskStore};
use trigger_core::recorder::Recorder;
use trigger_core::runner::Runner;
use trigger_core::task::{Task, TaskTarget};
use trigger_core::task_queue::TaskQueue;
#[cfg(feature = "local")]
use trigger_local::LocalExecutor;
use trigger_store::{OpenError, SqlStore};

/// How often what is too old is forgotten.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
/// How long the last notes may take to be stored when the program ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How many connections there may be for each stream: the others are for requests.
const CONNECTIONS_PER_STREAM: usize = 2;

/// Why the program can't serve.
#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The history can't be opened.
    #[error("DATABASE_URL: {0}")]
    History(StoreError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("{address} can't be listened on: {error}; set LISTEN_ADDR to an address that is free")]
    Listen { address: SocketAddr, error: std::io::Error },
    #[error("not ready: {0}")]
    NotReady(String),
}

impl From<OpenError> for AppError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Address(error) => Self::Config(error),
            OpenError::Store(error) => Self::History(error),
        }
    }
}

impl AppError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Cluster(_) => 2,
            Self::Store(_) | Self::History(_) | Self::Listen { .. } | Self::NotReady(_) => 1,
        }
    }
}

/// Runs the command: 0 when it is done or was asked to end, 2 when the configuration can't be used, else 1.
pub fn run(cli: &Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::Openapi = command {
        #[expect(clippy::print_stdout, reason = "the document is the command's output")]
        {
            println!("{}", http::openapi_json());
        }
        return ExitCode::SUCCESS;
    }
    let config = Config::load(cli.config.as_deref());
    let telemetry = Telemetry::init("trigger-api", config.as_ref().ok().map(Config::settings));
    let outcome = match (config, telemetry) {
        (Ok(config), Ok(_telemetry)) => on_runtime(command, &config),
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

/// One thread does it all: what is waited for is the cluster and the store, and one thread takes the least memory.
fn on_runtime(command: Command, config: &Config) -> Result<(), AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process may have timers and sockets");
    runtime.block_on(async {
        match command {
            Command::Healthcheck => check_health(config.listen_address()?).await,
            Command::Serve | Command::Openapi => serve(config).await,
        }
    })
}

async fn check_health(address: SocketAddr) -> Result<(), AppError> {
    let here: IpAddr = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}/readyz", SocketAddr::new(here, address.port()));
    let patience = Duration::from_secs(3);
    let policy = RetryPolicy { budget: patience, attempt_timeout: patience, attempts: 1 };
    let client = RetryingClient::new(&url, policy, 64 * 1024);
    let answer = client.send(|client| client.get(&url)).await;
    let answer = answer.map_err(|error| AppError::NotReady(error.to_string()))?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(AppError::NotReady(String::from_utf8_lossy(&answer.body).into_owned()))
}

/// What runs Jobs, and what has to be done when the program ends.
enum Running {
    Kubernetes(Arc<KubernetesExecutor>),
    #[cfg(feature = "local")]
    Local(Arc<LocalExecutor>),
}

impl Running {
    fn executor(&self) -> Arc<dyn Executor> {
        match self {
            Self::Kubernetes(executor) => Arc::clone(executor) as Arc<dyn Executor>,
            #[cfg(feature = "local")]
            Self::Local(executor) => Arc::clone(executor) as Arc<dyn Executor>,
        }
    }
}

async fn serve(config: &Config) -> Result<(), AppError> {
    let (executor_kind, address) = (config.executor()?, config.listen_address()?);
    let cluster = match &executor_kind {
        ExecutorKind::Kubernetes => Some(cluster::connect().await?),
        #[cfg(feature = "local")]
        ExecutorKind::Local(_) => None,
    };
    let home = cluster.as_ref().map_or("local", |cluster| cluster.namespace.as_str());
    let known = tasks::configured(config.settings())?;
    let names: Vec<&str> = known.iter().map(|task| task.name()).collect();
    let Targets { jobs: targets, tasks: entries, default } = config.targets(home, &names)?;
    let authenticator = authenticator(config, cluster.as_ref()).await?;

    let sql = SqlStore::connect(&config.database_url()?).await?;
    let store = Arc::new(sql.clone()) as Arc<dyn RunStore>;
    let task_store = Arc::new(sql.clone()) as Arc<dyn TaskStore>;
    let feed = Arc::new(Feed::new(Arc::clone(&store)));
    let recorder = Arc::new(Recorder::new(Arc::clone(&store), Arc::clone(&feed)));
    let book = Arc::new(LogBuffers::default());
    let queue = Arc::new(TaskQueue::new(
        task_targets(entries, &known),
        home,
        Arc::clone(&task_store),
        Arc::clone(&store),
        Arc::clone(&feed),
    ));
    let runner = Runner::new(
        config.runner_config()?,
        Arc::clone(&queue),
        task_store,
        Arc::clone(&recorder),
        Arc::clone(&feed),
        Arc::clone(&book),
    );
    let running = match (executor_kind, cluster) {
        #[cfg(feature = "local")]
        (ExecutorKind::Local(local), _) => {
            let (recorder, book) = (Arc::clone(&recorder), Arc::clone(&book));
            Running::Local(Arc::new(
                LocalExecutor::start(local, &targets, recorder, book, Arc::clone(&store)).await?,
            ))
        }
        (ExecutorKind::Kubernetes, cluster) => {
            let cluster = cluster.expect("there is a cluster for this executor");
            let (recorder, book) = (Arc::clone(&recorder), Arc::clone(&book));
            let limit = config.cluster_timeout()?;
            Running::Kubernetes(Arc::new(KubernetesExecutor::start(
                &cluster,
                limit,
                &targets,
                recorder,
                book,
                Arc::clone(&store),
            )))
        }
    };

    let (metrics, (stop, stopping)) = (Arc::new(Metrics::default()), watch::channel(false));
    let gate = Arc::new(Gate::new(authenticator, config.limits()?, Arc::clone(&metrics)));
    let max_streams = config.max_streams()?;
    let api = Arc::new(Api {
        dispatcher: Dispatcher::new(
            targets,
            default,
            running.executor(),
            Arc::clone(&store),
            Arc::clone(&recorder),
        ),
        queue,
        executor: running.executor(),
        store,
        recorder: Arc::clone(&recorder),
        feed: Arc::clone(&feed),
        book,
        metrics: Arc::clone(&metrics),
        streams: Streams::new(max_streams, stopping.clone(), Arc::clone(&metrics)),
    });
    let router = http::router(api, Arc::clone(&gate));
    let mut background_tasks = JoinSet::new();
    start_background_tasks(&mut background_tasks, &recorder, &feed, &gate, metrics, config.retention()?, sql);

    let runner = tokio::spawn(runner.run(stopping));

    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| AppError::Listen { address, error })?;
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving");
    let asked_to_end = async {
        shutdown::requested().await;
        tracing::info!("asked to end");
        // Streams end now; requests have their grace.
        let _ = stop.send(true);
    };
    let most_connections = max_streams * CONNECTIONS_PER_STREAM;
    server::serve(listener, router, most_connections, asked_to_end, config.shutdown_grace()?).await;
    #[cfg(feature = "local")]
    if let Running::Local(local) = &running {
        local.shutdown().await;
    }
    if tokio::time::timeout(DRAIN, runner).await.is_err() {
        tracing::warn!(
            "tasks that do not stop are cut off; another replica, or the next start, sees to them"
        );
    }
    recorder.drain(DRAIN).await;
    tracing::info!("ended");
    Ok(())
}

/// The targets of those entries, whose tasks are all known.
fn task_targets(entries: Vec<TaskEntry>, known: &[Arc<dyn Task>]) -> Vec<TaskTarget> {
    let target = |entry: TaskEntry| {
        let task = known.iter().find(|task| task.name() == entry.task)?;
        let TaskEntry { name, task: _, max_concurrent, queue, limit, resume } = entry;
        Some(TaskTarget { name, task: Arc::clone(task), max_concurrent, queue, limit, resume })
    };
    entries.into_iter().filter_map(target).collect()
}

async fn authenticator(config: &Config, cluster: Option<&Cluster>) -> Result<Authenticator, ConfigError> {
    let reviewer = cluster.map(|cluster| Arc::new(cluster.clone()) as Arc<dyn TokenReviewer>);
    let authenticator = Authenticator::from_settings(config.settings(), reviewer).await?;
    if !authenticator.configured() {
        tracing::warn!(
            "no credential is configured, so everyone who reaches this port may start runs; set INTERNAL_TOKEN, ADMIN_SECRET, \
             JWT_SECRET, JWKS_FILE, JWKS_URL or TOKEN_REVIEW_AUDIENCE"
        );
    }
    Ok(authenticator)
}

fn start_background_tasks(
    background_tasks: &mut JoinSet<()>,
    recorder: &Arc<Recorder>,
    feed: &Arc<Feed>,
    gate: &Arc<Gate>,
    metrics: Arc<Metrics>,
    retention: Retention,
    store: SqlStore,
) {
    let (recorder, telling, gate) = (Arc::clone(recorder), Arc::clone(feed), Arc::clone(gate));
    background_tasks.spawn(async move { recorder.run().await });
    background_tasks.spawn(async move { telling.run().await });
    background_tasks.spawn(async move { gate.forget_quiet_callers().await });
    background_tasks.spawn(prune(Arc::new(store.clone()), retention));
    background_tasks.spawn(async move { store.check_for_ever().await });
    background_tasks.spawn(count_ends(Arc::clone(feed), metrics));
}

async fn prune(store: Arc<dyn RunStore>, retention: Retention) {
    let mut ticks = tokio::time::interval(PRUNE_EVERY);
    loop {
        ticks.tick().await;
        match store.prune(retention).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "old runs are forgotten"),
            Err(error) => tracing::warn!(%error, "old runs can't be forgotten"),
        }
    }
}

async fn count_ends(feed: Arc<Feed>, metrics: Arc<Metrics>) {
    loop {
        if let Ok(notices) = feed.subscribe(None).await {
            let mut notices = Box::pin(notices);
            while let Some(notice) = notices.next().await {
                if let Notice::Event(event) = notice
                    && event.state.is_final()
                {
                    metrics.run_ended(&event.run);
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
