//! The settings; the one place that knows the variables.

mod targets;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use common::config::{ConfigError, Settings, Variable};
use common::{auth, telemetry};
use secrecy::SecretString;

pub use self::targets::{Targets, TaskEntry};
use crate::http::gate::Limits;
use crate::tasks;
use trigger_core::ports::Retention;
use trigger_core::runner::RunnerConfig;
#[cfg(feature = "local")]
use trigger_local::LocalConfig;

const OWN: [Variable; 18] = [
    Variable::plain("LISTEN_ADDR", "the address and port to serve on; 0.0.0.0:8000"),
    Variable::plain("CRONJOB_NAME", "the CronJob to start, where there is only one target; none"),
    Variable::plain("TARGET_NAMESPACE", "the namespace of targets that name none; the pod's own"),
    Variable::structure(
        "TARGETS",
        "what may be started: a list of name and cronjob (namespace, allow_suspended) or task (max_concurrent, queue, \
         timeout_seconds, resume)",
    ),
    Variable::plain("DEFAULT_TARGET", "the target that POST /trigger-sync starts; the only one"),
    Variable::secret(
        "DATABASE_URL",
        "the history: sqlite:PATH, postgres://... or host=... dbname=...; sqlite:/data/trigger-api.db",
    ),
    Variable::plain("EXECUTOR", "kubernetes, or local for development; kubernetes"),
    Variable::structure("LOCAL", "for EXECUTOR=local: manifests, programs, env"),
    Variable::plain("CLUSTER_TIMEOUT_SECONDS", "how long a call of the cluster may take; 10"),
    Variable::plain("RATE_LIMIT", "requests of one caller, a second; 200"),
    Variable::plain("MAX_REQUESTS", "requests that are answered at once; 512"),
    Variable::plain("MAX_STREAMS", "logs and event streams that are open at once; 2000"),
    Variable::plain("HISTORY_RUNS", "ended runs that are remembered, of each target; 10000"),
    Variable::plain("HISTORY_EVENTS", "changes that event streams can go back; 10000"),
    Variable::plain("SHUTDOWN_GRACE_SECONDS", "how long requests may go on after SIGTERM; 20"),
    Variable::plain("TASK_WORKERS", "runs of tasks that this replica does at once; 2"),
    Variable::plain("TASK_QUEUE", "runs of a task that may wait; 100"),
    Variable::plain(
        "TASK_LEASE_SECONDS",
        "how long a replica may be silent until others take its tasks over; 15",
    ),
];

/// Every variable that is read.
pub static VARIABLES: LazyLock<Vec<Variable>> =
    LazyLock::new(|| [&OWN[..], &tasks::VARIABLES, &auth::VARIABLES, &telemetry::VARIABLES].concat());

/// The settings of this program.
pub struct Config {
    settings: Settings,
}

/// Where Jobs run.
pub enum ExecutorKind {
    /// In the cluster that `KUBECONFIG` or the pod's ServiceAccount leads to.
    Kubernetes,
    /// On this machine.
    #[cfg(feature = "local")]
    Local(LocalConfig),
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the file can't be read, or has a key that is no setting.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let named = common::config::file_from_environment("CONFIG_FILE");
        let settings = Settings::load(file.or(named.as_deref()), &VARIABLES)?;
        Ok(Self { settings })
    }

    /// The settings as they stand, for what `common` reads of them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where to serve.
    ///
    /// # Errors
    /// When it is no address with a port.
    pub fn listen_address(&self) -> Result<SocketAddr, ConfigError> {
        self.or("LISTEN_ADDR", SocketAddr::from(([0, 0, 0, 0], 8000)))
    }

    /// Where the history is.
    ///
    /// # Errors
    /// When its file can't be read.
    pub fn database_url(&self) -> Result<SecretString, ConfigError> {
        let url = self.settings.secret("DATABASE_URL")?;
        Ok(url.unwrap_or_else(|| "sqlite:/data/trigger-api.db".into()))
    }

    /// Where Jobs run.
    ///
    /// # Errors
    /// When the executor is none of the two, or the local one is not configured.
    pub fn executor(&self) -> Result<ExecutorKind, ConfigError> {
        match self.settings.text("EXECUTOR").as_deref() {
            None | Some("kubernetes") => Ok(ExecutorKind::Kubernetes),
            #[cfg(not(feature = "local"))]
            Some("local") => Err(ConfigError::variable(
                "EXECUTOR",
                "this build runs Jobs in a cluster only; build trigger-api with the feature `local`",
            )),
            #[cfg(feature = "local")]
            Some("local") => {
                let local = self.settings.structure("LOCAL")?;
                let missing = "`local` is missing in the configuration file; it says where the manifests are";
                Ok(ExecutorKind::Local(local.ok_or_else(|| ConfigError::variable("EXECUTOR", missing))?))
            }
            Some(other) => {
                Err(ConfigError::variable("EXECUTOR", format!("{other:?} is neither kubernetes nor local")))
            }
        }
    }

    /// How long a call of the cluster may take.
    ///
    /// # Errors
    /// When it is not a number of seconds above 0.
    pub fn cluster_timeout(&self) -> Result<Duration, ConfigError> {
        self.seconds("CLUSTER_TIMEOUT_SECONDS", 10)
    }

    /// How long requests may go on after the program was asked to end.
    ///
    /// # Errors
    /// When it is not a number of seconds above 0.
    pub fn shutdown_grace(&self) -> Result<Duration, ConfigError> {
        self.seconds("SHUTDOWN_GRACE_SECONDS", 20)
    }

    /// How much may be asked for.
    ///
    /// # Errors
    /// When a number is none, or 0.
    pub fn limits(&self) -> Result<Limits, ConfigError> {
        Ok(Limits {
            per_caller: self.number("RATE_LIMIT", 200)?,
            max_concurrent: self.count("MAX_REQUESTS", 512)?,
        })
    }

    /// How tasks are done.
    ///
    /// # Errors
    /// When a number is none, or 0.
    pub fn runner_config(&self) -> Result<RunnerConfig, ConfigError> {
        Ok(RunnerConfig {
            workers: self.count("TASK_WORKERS", 2)?,
            lease: self.seconds("TASK_LEASE_SECONDS", 15)?,
        })
    }

    /// How many answers may go on at once.
    ///
    /// # Errors
    /// When it is no number, or 0.
    pub fn max_streams(&self) -> Result<usize, ConfigError> {
        self.count("MAX_STREAMS", 2000)
    }

    /// How much is remembered.
    ///
    /// # Errors
    /// When a number is none, or 0.
    pub fn retention(&self) -> Result<Retention, ConfigError> {
        let runs = self.number("HISTORY_RUNS", 10_000)?.get();
        Ok(Retention { runs, events: self.number("HISTORY_EVENTS", 10_000)?.get() })
    }

    fn count(&self, name: &str, default: u32) -> Result<usize, ConfigError> {
        Ok(self.number(name, default)?.get() as usize)
    }

    fn seconds(&self, name: &str, default: u32) -> Result<Duration, ConfigError> {
        Ok(Duration::from_secs(self.number(name, default)?.get().into()))
    }

    fn number(&self, name: &str, default: u32) -> Result<NonZeroU32, ConfigError> {
        self.or(name, NonZeroU32::new(default).expect("defaults are above 0"))
    }

    fn or<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
        default: T,
    ) -> Result<T, ConfigError> {
        Ok(self.settings.parsed(name)?.unwrap_or(default))
    }
}
