//! The documents of trigger-api, as far as this program reads them. docs/openapi.json has all of their fields.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::outcome::Outcome;
use crate::output::times;

/// A run.
#[derive(Clone, Debug, Deserialize)]
pub struct Run {
    /// Its id.
    pub run_id: String,
    /// The target.
    pub target: String,
    /// The name of the Job; that of a task's run is its id.
    pub job_name: String,
    /// `scheduled` or `manual`.
    pub trigger: String,
    /// The state.
    pub state: String,
    /// The values of its parameters.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Why it has its state.
    pub cause: Option<Cause>,
    /// The progress of a task.
    pub progress: Option<Progress>,
    /// Who started it.
    pub requested_by: Option<String>,
    /// The caller, if it acted for somebody.
    pub requested_via: Option<String>,
    /// Why it was started.
    pub reason: Option<String>,
    /// The run that it repeats.
    pub retry_of: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Why a run has its state.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Cause {
    /// A fixed word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// The progress of a task.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Progress {
    /// In percent.
    pub percent: u32,
    /// What it does.
    pub note: String,
}

/// A page of runs.
#[derive(Debug, Deserialize)]
pub struct RunPage {
    /// The position of the next page.
    pub next: Option<String>,
    /// The number of runs in each state; only the first page has it.
    pub counts: Option<BTreeMap<String, u64>>,
    /// Whether the numbers are exact.
    pub counts_exact: Option<bool>,
}

/// A target.
#[derive(Debug, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `cronjob` or `task`.
    pub kind: String,
    /// The schemas of its parameters.
    pub parameters: Option<Value>,
    /// Parameters whose declarations can't be used.
    #[serde(default)]
    pub invalid_parameters: Vec<InvalidParameter>,
    /// The present state.
    pub status: Option<TargetStatus>,
    /// Why the state is not known.
    pub problem: Option<Value>,
    /// The latest runs.
    pub history: Option<TargetHistory>,
}

/// A parameter whose declaration can't be used.
#[derive(Debug, Deserialize)]
pub struct InvalidParameter {
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub problem: String,
}

/// The present state of a target.
#[derive(Debug, Deserialize)]
pub struct TargetStatus {
    /// Whether it is suspended.
    pub suspended: bool,
    /// The schedule.
    pub schedule: Option<String>,
    /// The time zone of the schedule.
    pub time_zone: Option<String>,
    /// The next scheduled run.
    pub next_run_at: Option<Timestamp>,
    /// Why there is none.
    pub no_next_run: Option<Cause>,
    /// Runs that have not ended.
    pub active: Vec<Run>,
}

/// The latest runs of a target.
#[derive(Debug, Deserialize)]
pub struct TargetHistory {
    /// The newest one.
    pub last_run: Option<Run>,
    /// The newest one that succeeded.
    pub last_success: Option<Run>,
}

/// The caller.
#[derive(Debug, Deserialize)]
pub struct Whoami {
    /// The name.
    pub name: String,
    /// The role; none if no credential is configured.
    pub role: Option<String>,
    /// What it may do.
    pub targets: Vec<TargetRights>,
}

/// What the caller may do with a target.
#[derive(Debug, Deserialize)]
pub struct TargetRights {
    /// The target.
    pub target: String,
    /// The actions.
    pub actions: BTreeMap<String, Permission>,
}

/// Whether an action is allowed.
#[derive(Debug, Deserialize)]
pub struct Permission {
    /// Whether it is.
    pub allowed: bool,
}

/// The answer of a probe.
#[derive(Debug, Deserialize)]
pub struct Readiness {
    /// `ok`, `degraded` or `not ready`.
    pub status: String,
    /// Why it is degraded.
    pub reason: Option<String>,
    /// What it waits for.
    #[serde(default)]
    pub waiting_for: Vec<String>,
    /// What an operator should know.
    #[serde(default)]
    pub notices: Vec<String>,
}

impl Run {
    /// The name to type: that of the Job, else the id.
    pub fn name(&self) -> &str {
        if self.job_name.is_empty() { &self.run_id } else { &self.job_name }
    }

    /// The outcome, if the run has ended.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::of_state(&self.state)
    }

    /// How long it has been running, or was running.
    pub fn duration(&self) -> Option<Duration> {
        let end = self.finished_at.unwrap_or_else(Timestamp::now);
        self.started_at.map(|start| times::between(start, end))
    }

    /// Who started it.
    pub fn started_by(&self) -> &str {
        self.requested_by.as_deref().unwrap_or(&self.trigger)
    }

    /// The state and what is known about it, in one line.
    pub fn summary(&self) -> String {
        let mut text = self.state.clone();
        if let Some(progress) = &self.progress
            && self.outcome().is_none()
        {
            let _ = write!(text, " {} %", progress.percent);
            if !progress.note.is_empty() {
                let _ = write!(text, ": {}", progress.note);
            }
        }
        if let Some(cause) = &self.cause {
            let _ = write!(text, ": {} ({})", cause.message.trim_end_matches('.'), cause.reason);
        }
        common::text::single_line(&text, 1000)
    }
}
