//! The settings; the one place that knows the variables.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use common::config::{ConfigError, Settings, Variable};
use common::{auth, telemetry};
use secrecy::SecretString;
use serde::Deserialize;

use crate::domain::ports::Retention;
use crate::domain::target::{Target, TargetName, is_dns_label};
use crate::http::gate::Limits;
use crate::local::LocalConfig;

const OWN: [Variable; 15] = [
    Variable::plain("LISTEN_ADDR", "the address and port to serve on; 0.0.0.0:8000"),
    Variable::plain("CRONJOB_NAME", "the CronJob to start, where there is only one target; none"),
    Variable::plain("TARGET_NAMESPACE", "the namespace of targets that name none; the pod's own"),
    Variable::structure(
        "TARGETS",
        "what may be started: a list of name, namespace, cronjob, allow_suspended",
    ),
    Variable::plain("DEFAULT_TARGET", "the target that POST /trigger-sync starts; the only one"),
    Variable::secret(
        "DATABASE_URL",
        "the history: sqlite:PATH or postgres://...; sqlite:/data/trigger-api.db",
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
];

const COUNT: usize = OWN.len() + auth::VARIABLES.len() + telemetry::VARIABLES.len();

/// Every variable that is read.
pub const VARIABLES: [Variable; COUNT] = {
    let mut all = [OWN[0]; COUNT];
    let mut next = 0;
    while next < COUNT {
        all[next] = if next < OWN.len() {
            OWN[next]
        } else if next < OWN.len() + auth::VARIABLES.len() {
            auth::VARIABLES[next - OWN.len()]
        } else {
            telemetry::VARIABLES[next - OWN.len() - auth::VARIABLES.len()]
        };
        next += 1;
    }
    all
};

/// The settings of this program.
pub struct Config {
    settings: Settings,
}

/// Where Jobs run.
pub enum ExecutorKind {
    /// In the cluster that `KUBECONFIG` or the pod's ServiceAccount leads to.
    Kubernetes,
    /// On this machine.
    Local(LocalConfig),
}

/// A target as the file has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetEntry {
    name: Option<String>,
    namespace: Option<String>,
    cronjob: String,
    #[serde(default)]
    allow_suspended: bool,
}

/// What may be started.
#[derive(Debug)]
pub struct Targets {
    /// All of it.
    pub all: Vec<Target>,
    /// What `POST /trigger-sync` starts.
    pub default: Option<TargetName>,
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

    /// What may be started; targets that name no namespace are in `TARGET_NAMESPACE`, else in `home`.
    ///
    /// # Errors
    /// When nothing may be, or a name is none, or stands twice.
    pub fn targets(&self, home: &str) -> Result<Targets, ConfigError> {
        let namespace = self.settings.text("TARGET_NAMESPACE").unwrap_or_else(|| home.to_owned());
        let mut entries: Vec<TargetEntry> = self.settings.structure("TARGETS")?.unwrap_or_default();
        let single = self.settings.text("CRONJOB_NAME");
        if let Some(cronjob) = &single
            && !entries.iter().any(|entry| entry.cronjob == *cronjob && entry.namespace.is_none())
        {
            let cronjob = cronjob.clone();
            entries.push(TargetEntry { name: None, namespace: None, cronjob, allow_suspended: false });
        }
        if entries.is_empty() {
            let problem = "nothing may be started; set it to a CronJob's name, or list `targets` in the configuration file";
            return Err(ConfigError::variable("CRONJOB_NAME", problem));
        }
        let all: Vec<Target> =
            entries.into_iter().map(|entry| entry.target(&namespace)).collect::<Result<_, _>>()?;
        check_distinct(&all)?;
        let default = self.default_target(&all, single.as_deref())?;
        Ok(Targets { all, default })
    }

    fn default_target(
        &self,
        all: &[Target],
        single: Option<&str>,
    ) -> Result<Option<TargetName>, ConfigError> {
        if let Some(name) = self.settings.parsed::<TargetName>("DEFAULT_TARGET")? {
            if all.iter().any(|target| target.name == name) {
                return Ok(Some(name));
            }
            return Err(ConfigError::variable("DEFAULT_TARGET", format!("{name} is none of the targets")));
        }
        let of_cronjob = single.and_then(|cronjob| all.iter().find(|target| target.cronjob == cronjob));
        let only = all.first().filter(|_| all.len() == 1);
        Ok(of_cronjob.or(only).map(|target| target.name.clone()))
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
        Ok(Limits { per_caller: self.number("RATE_LIMIT", 200)?, at_once: self.count("MAX_REQUESTS", 512)? })
    }

    /// How many answers may go on at once.
    ///
    /// # Errors
    /// When it is no number, or 0.
    pub fn most_streams(&self) -> Result<usize, ConfigError> {
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

impl TargetEntry {
    fn target(self, home: &str) -> Result<Target, ConfigError> {
        let wrong = |problem: String| ConfigError::variable("TARGETS", problem);
        let Self { name, namespace, cronjob, allow_suspended } = self;
        if cronjob.len() > 52 || !cronjob.split('.').all(is_dns_label) {
            return Err(wrong(format!(
                "{cronjob:?} is not a CronJob's name, which has at most 52 characters"
            )));
        }
        let namespace = namespace.unwrap_or_else(|| home.to_owned());
        if !is_dns_label(&namespace) {
            return Err(wrong(format!("{namespace:?} is not a namespace's name")));
        }
        let name = name.unwrap_or_else(|| cronjob.clone()).parse().map_err(wrong)?;
        Ok(Target { name, namespace, cronjob, allow_suspended })
    }
}

fn check_distinct(targets: &[Target]) -> Result<(), ConfigError> {
    let (mut names, mut cronjobs) = (BTreeSet::new(), BTreeSet::new());
    for target in targets {
        let twice = |problem| Err(ConfigError::variable("TARGETS", problem));
        if !names.insert(&target.name) {
            return twice(format!("the name {} stands twice", target.name));
        }
        if !cronjobs.insert((&target.namespace, &target.cronjob)) {
            return twice(format!(
                "the CronJob {} of {} is two targets; a run has one",
                target.cronjob, target.namespace
            ));
        }
    }
    Ok(())
}
