//! The settings. All of them are read and checked before the program does anything else.

mod aliases;
mod job_metadata;
mod targets;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::time::Duration;

use common::config::{ConfigError, Settings, Variable};
use common::service::{self, ServiceConfig};
use common::{auth, telemetry};
use registry_client::configuration::{self as registry, RegistrationSettings};
use secrecy::SecretString;
use trigger_core::run_store::Retention;
use trigger_core::runner::RunnerConfig;
use trigger_core::target_name::TargetName;
#[cfg(feature = "local")]
use trigger_local::LocalConfig;

pub(crate) use self::aliases::invalid as invalid_alias;
pub use self::targets::TargetSettings;
use crate::kubernetes::config::KubernetesConfig;
use crate::tasks::{self, TASKS};

/// The maximum of `Prefer: wait` and of `wait_seconds`, in seconds.
pub const MAX_WAIT_SECONDS: u64 = 60;

const OWN: [Variable; 19] = [
    Variable::plain("CRONJOB_NAME", "the CronJob to start, if there is only one target; none"),
    Variable::plain("TARGET_NAMESPACE", "the namespace of targets that have none of their own")
        .with_default_described("the pod's own"),
    Variable::structure(
        "TARGETS",
        "the targets: a list of name and cronjob (namespace, allow_suspended, wait_seconds) or task (max_concurrent, queue, \
         timeout_seconds, resume)",
    ),
    Variable::structure("ALIASES", "further paths that start a target: a table of path and target"),
    Variable::plain("DEFAULT_TARGET", "the target that POST /trigger-sync starts")
        .with_default_described("the only one"),
    Variable::secret("DATABASE_URL", "the history: sqlite:PATH, postgres://... or host=... dbname=...")
        .with_default(DATABASE_URL),
    Variable::plain("EXECUTOR", "kubernetes, or local for development").with_default("kubernetes"),
    Variable::structure("LOCAL", "for EXECUTOR=local: manifests, programs, env"),
    Variable::plain("CLUSTER_TIMEOUT_SECONDS", "the time limit of a call to the API server")
        .with_default("10"),
    Variable::plain(
        "PERMISSION_RETRY_SECONDS",
        "the longest pause before trigger-api tries again to observe what it has no right to",
    )
    .with_default("60"),
    Variable::plain(
        "JOB_LABELS",
        "labels of each created Job beside those of its template: key=value,...; none",
    ),
    Variable::plain("JOB_NAME_FORMAT", "the names of created Jobs: text, {cronjob}, and {id} at the end")
        .with_default("{cronjob}-{id}"),
    Variable::plain(
        "CHECK_ADMISSION_POLICY",
        "true: try out each hour whether the admission policy protects",
    )
    .with_default("false"),
    Variable::plain("HISTORY_RUNS", "ended runs that are kept, per target").with_default("10000"),
    Variable::plain("HISTORY_EVENTS", "changes that are kept for event streams to resume")
        .with_default("10000"),
    Variable::plain(
        "HISTORY_BYTES",
        "the size of the history; the oldest runs are deleted before it is reached",
    )
    .with_default("536870912"),
    Variable::plain("TASK_WORKERS", "runs of tasks that this replica executes at the same time")
        .with_default("2"),
    Variable::plain("TASK_QUEUE", "runs of a task that may wait").with_default("100"),
    Variable::plain(
        "TASK_LEASE_SECONDS",
        "the time without a heartbeat after which a replica is considered dead",
    )
    .with_default("15"),
];
/// The name of the service in the registry.
const SERVICE: &str = "trigger-api";
/// The minimum of `HISTORY_BYTES`.
const MIN_HISTORY_BYTES: u64 = 1 << 20;
const DATABASE_URL: &str = "sqlite:/data/trigger-api.db";

/// Every variable that is read.
pub static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    let of_tasks = TASKS.iter().flat_map(|task| task.variables).copied();
    let of_registry = [registry::NATS_URL, registry::INSTANCE_ID, registry::HEARTBEAT_INTERVAL]
        .into_iter()
        .chain(registry::VARIABLES);
    let shared = auth::VARIABLES.into_iter().chain(telemetry::VARIABLES);
    OWN.into_iter().chain(service::VARIABLES).chain(of_tasks).chain(of_registry).chain(shared).collect()
});

/// The settings of this program.
pub struct Config {
    /// The listener and its limits.
    pub service: ServiceConfig,
    /// The history.
    pub database_url: SecretString,
    /// Where Jobs run.
    pub executor: ExecutorKind,
    /// The settings of the cluster's executor.
    pub kubernetes: KubernetesConfig,
    /// How much of the history is kept.
    pub retention: Retention,
    /// How tasks are executed.
    pub runner: RunnerConfig,
    /// The targets.
    pub targets: TargetSettings,
    /// Further paths, and the target that each of them starts.
    pub aliases: BTreeMap<String, TargetName>,
    /// The registry of services, if this one registers itself.
    pub registration: Option<RegistrationSettings>,
    settings: Settings,
}

/// Where Jobs run.
pub enum ExecutorKind {
    /// In the cluster of `KUBECONFIG` or of the pod's ServiceAccount.
    Kubernetes,
    /// On this machine.
    #[cfg(feature = "local")]
    Local(LocalConfig),
}

impl Config {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// When the file can't be read, has an unknown key, or a setting is wrong.
    pub fn new(settings: Settings) -> Result<Self, ConfigError> {
        let retention = Retention {
            runs: number(&settings, "HISTORY_RUNS")?.get(),
            events: number(&settings, "HISTORY_EVENTS")?.get(),
            bytes: history_bytes(&settings)?,
        };
        let runner = RunnerConfig {
            workers: count(&settings, "TASK_WORKERS")?,
            lease: seconds(&settings, "TASK_LEASE_SECONDS")?,
        };
        let kubernetes = KubernetesConfig {
            request_timeout: seconds(&settings, "CLUSTER_TIMEOUT_SECONDS")?,
            permission_retry: seconds(&settings, "PERMISSION_RETRY_SECONDS")?,
            check_admission: settings.parsed_or_default("CHECK_ADMISSION_POLICY")?,
            job_labels: job_metadata::labels(&settings)?,
        };
        let targets = TargetSettings::new(&settings, &tasks::configured(&settings)?)?;
        Ok(Self {
            service: ServiceConfig::from_settings(&settings)?,
            database_url: settings.secret("DATABASE_URL")?.unwrap_or_else(|| DATABASE_URL.into()),
            executor: executor(&settings)?,
            kubernetes,
            retention,
            runner,
            targets,
            aliases: aliases::read(&settings)?,
            registration: RegistrationSettings::from_settings(&settings, SERVICE, env!("CARGO_PKG_VERSION"))?,
            settings,
        })
    }

    /// The settings that `common` reads.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

fn executor(settings: &Settings) -> Result<ExecutorKind, ConfigError> {
    match settings.text_or_default("EXECUTOR").as_str() {
        "kubernetes" => Ok(ExecutorKind::Kubernetes),
        "local" => local(settings),
        other => Err(ConfigError::variable("EXECUTOR", format!("{other:?} is neither kubernetes nor local"))),
    }
}

#[cfg(feature = "local")]
fn local(settings: &Settings) -> Result<ExecutorKind, ConfigError> {
    let local = settings.structure("LOCAL")?;
    let missing = "`local` is missing in the configuration file; it says where the manifests are";
    Ok(ExecutorKind::Local(local.ok_or_else(|| ConfigError::variable("EXECUTOR", missing))?))
}

#[cfg(not(feature = "local"))]
fn local(_: &Settings) -> Result<ExecutorKind, ConfigError> {
    let problem = "this build can't run Jobs on this machine; build trigger-api with the feature `local`";
    Err(ConfigError::variable("EXECUTOR", problem))
}

fn history_bytes(settings: &Settings) -> Result<u64, ConfigError> {
    let bytes = settings.parsed_or_default("HISTORY_BYTES")?;
    if bytes < MIN_HISTORY_BYTES {
        let problem = format!("{bytes} is less than the minimum {MIN_HISTORY_BYTES}");
        return Err(ConfigError::variable("HISTORY_BYTES", problem));
    }
    Ok(bytes)
}

fn count(settings: &Settings, name: &str) -> Result<usize, ConfigError> {
    Ok(number(settings, name)?.get() as usize)
}

fn seconds(settings: &Settings, name: &str) -> Result<Duration, ConfigError> {
    Ok(Duration::from_secs(number(settings, name)?.get().into()))
}

fn number(settings: &Settings, name: &str) -> Result<NonZeroU32, ConfigError> {
    settings.parsed_or_default(name)
}
