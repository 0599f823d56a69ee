//! The JSON documents of targets.

use common::service::Problem;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use trigger_core::parameters::DeclaredParameters;
use trigger_core::runs::{TargetHistory, TargetStatus};
use trigger_core::schedule::NoNextRun;
use trigger_core::target::Target;
use trigger_core::target_name::TargetKind;
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::api_error::ApiError;
use super::documents::{RunDocument, string_enum};
use super::problem_document::ProblemDocument;
use super::target_history::TargetHistoryDocument;

/// How many active runs the document of a target has.
const MAX_ACTIVE: usize = 50;

/// The targets.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct TargetPage {
    pub(super) targets: Vec<TargetDocument>,
    /// The list reflects all events up to this number; null while the history can't be read.
    pub(super) event: Option<i64>,
}

/// A target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Target)]
pub(super) struct TargetDocument {
    /// The name.
    name: String,
    /// A CronJob, whose Jobs are started, or a task, which trigger-api executes.
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    /// The namespace of the CronJob.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name of the CronJob.
    #[serde(skip_serializing_if = "Option::is_none")]
    cronjob: Option<String>,
    /// The settings of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskDocument>,
    /// The JSON Schema of the object `parameters` of a start; null if the CronJob can't be observed.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
    /// Declarations of parameters on the CronJob that can't be used. Everything else of the target can.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    invalid_parameters: Vec<InvalidParameterDocument>,
    /// The present state; null if it can't be observed.
    status: Option<TargetStatusDocument>,
    /// Why the present state can't be observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ProblemDocument>)]
    problem: Option<Problem>,
    /// The latest runs; null if the history can't be read.
    history: Option<TargetHistoryDocument>,
}

/// The settings of a task.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskDocument {
    /// The name of the task.
    name: &'static str,
    /// How many runs may be running at the same time, over all replicas.
    max_concurrent: u32,
    /// How many runs may wait.
    queue: u32,
    /// How long a run may take.
    timeout_seconds: u64,
    /// Whether an interrupted run is started again.
    resumes: bool,
}

/// A declaration of a parameter that can't be used.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InvalidParameter)]
pub(super) struct InvalidParameterDocument {
    /// The variable that the annotation names.
    name: String,
    /// What to correct in the annotation or in the template.
    problem: String,
}

/// The present state of a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TargetStatus)]
pub(super) struct TargetStatusDocument {
    /// The schedule in cron's syntax; null for a task.
    schedule: Option<String>,
    /// The time zone of the schedule; null is the cluster's own.
    time_zone: Option<String>,
    /// When the schedule starts the next run; null for a task, and if `no_next_run` has a reason.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_run_at: Option<Timestamp>,
    /// Why `next_run_at` is null; null for a task.
    no_next_run: Option<NoNextRunDocument>,
    /// When the schedule last started a run.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_scheduled_at: Option<Timestamp>,
    /// Whether the schedule is suspended.
    suspended: bool,
    /// `Allow`, `Forbid` or `Replace`; null for a task.
    concurrency_policy: Option<&'static str>,
    /// The runs that have not ended, oldest first, at most 50; `/v1/runs` lists all of them.
    active: Vec<RunDocument>,
}

/// Why there is no time of a next run.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = NoNextRun)]
pub(super) struct NoNextRunDocument {
    /// A fixed word, such as `Suspended`.
    reason: &'static str,
    /// A sentence for people.
    message: String,
}

/// What a start would do now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PreviewDocument {
    /// Whether a run would be started.
    pub(super) allowed: bool,
    /// Why no run would be started.
    #[schema(value_type = Option<ProblemDocument>)]
    pub(super) problem: Option<Problem>,
    /// The Job that would be created; null for a task, and if the parameters are not accepted.
    #[schema(value_type = Option<Object>)]
    pub(super) job: Option<Value>,
}

impl TargetDocument {
    pub(super) fn new(
        target: &Target,
        status: Result<TargetStatus, ApiError>,
        history: Option<TargetHistory>,
    ) -> Self {
        let history = history.map(TargetHistoryDocument::from);
        let declared = status.as_ref().ok().and_then(|status| Some(&status.cronjob.as_ref()?.parameters));
        let invalid_parameters = declared.map(invalid_parameters).unwrap_or_default();
        let parameters = match target {
            Target::CronJob(_) => declared.map(DeclaredParameters::schema),
            Target::Task(target) => Some(target.task.definition().schema()),
        };
        let (status, problem) = match status {
            Ok(status) => (Some(TargetStatusDocument::from(status)), None),
            Err(error) => (None, Some(error.problem())),
        };
        let (name, kind) = (target.name().to_string(), target.kind().as_str());
        match target {
            Target::CronJob(target) => Self {
                name,
                kind,
                namespace: Some(target.namespace.clone()),
                cronjob: Some(target.cronjob.clone()),
                task: None,
                parameters,
                invalid_parameters,
                status,
                problem,
                history,
            },
            Target::Task(target) => {
                let task = TaskDocument {
                    name: target.task.definition().name,
                    max_concurrent: target.max_concurrent,
                    queue: target.max_queued,
                    timeout_seconds: target.timeout.as_secs(),
                    resumes: target.resumes(),
                };
                Self {
                    name,
                    kind,
                    namespace: None,
                    cronjob: None,
                    task: Some(task),
                    parameters,
                    invalid_parameters,
                    status,
                    problem,
                    history,
                }
            }
        }
    }
}

impl From<TargetStatus> for TargetStatusDocument {
    fn from(TargetStatus { cronjob, next_run, active }: TargetStatus) -> Self {
        let cronjob = cronjob.as_ref();
        let (next_run_at, no_next_run) = match next_run {
            Some(Ok(at)) => (Some(at), None),
            Some(Err(reason)) => (None, Some(NoNextRunDocument::from(&reason))),
            None => (None, None),
        };
        Self {
            schedule: cronjob.map(|cronjob| cronjob.schedule.clone()),
            time_zone: cronjob.and_then(|cronjob| cronjob.time_zone.clone()),
            next_run_at,
            no_next_run,
            last_scheduled_at: cronjob.and_then(|cronjob| cronjob.last_scheduled_at),
            suspended: cronjob.is_some_and(|cronjob| cronjob.suspended),
            concurrency_policy: cronjob.map(|cronjob| cronjob.concurrency_policy.as_str()),
            active: active.iter().take(MAX_ACTIVE).map(|run| RunDocument::from(run.as_ref())).collect(),
        }
    }
}

impl From<&NoNextRun> for NoNextRunDocument {
    fn from(reason: &NoNextRun) -> Self {
        Self { reason: reason.as_str(), message: reason.to_string() }
    }
}

fn invalid_parameters(declared: &DeclaredParameters) -> Vec<InvalidParameterDocument> {
    let invalid = declared.unusable().iter();
    let documents = invalid
        .map(|(name, problem)| InvalidParameterDocument { name: name.clone(), problem: problem.clone() });
    documents.collect()
}

pub(super) fn kind_schema() -> Object {
    string_enum(&TargetKind::ALL.map(TargetKind::as_str))
}
