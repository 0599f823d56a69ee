//! Tasks: work that this program executes itself.
//!
//! A run of a task waits in the queue, is executed by one worker of one replica, and has a result.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::parameters::{Parameters, object_schema};
use super::target_name::TargetName;
use super::task_context::TaskContext;

/// What is known about a task before it is configured.
#[derive(Debug)]
pub struct TaskDefinition {
    /// The name: lower-case letters, digits and hyphens.
    pub name: &'static str,
    /// Returns the JSON Schema of each parameter, by name. A parameter whose type does not include `null` is required.
    pub parameters: fn() -> Parameters,
    /// Tells an operator how to configure the task, for callers that start it before it is configured.
    pub not_configured: &'static str,
    /// Routes of its own, in addition to those of every target.
    pub routes: Option<TaskRoutes>,
}

impl TaskDefinition {
    /// The JSON Schema of the parameters of a run.
    pub fn schema(&self) -> Value {
        let properties = (self.parameters)();
        let types = |schema: &Value| match &schema["type"] {
            Value::Array(types) => types.clone(),
            single => vec![single.clone()],
        };
        let is_required = |schema: &Value| !types(schema).iter().any(|kind| kind == "null");
        let required =
            properties.iter().filter(|(_, schema)| is_required(schema)).map(|(name, _)| name.as_str());
        object_schema(&properties, required)
    }
}

/// Two routes that belong to one task, for clients that use paths of their own.
#[derive(Debug)]
pub struct TaskRoutes {
    /// The tag of the operations in the OpenAPI document.
    pub tag: &'static str,
    /// `POST` to this path starts a run. The body has the members `reason` and the parameters.
    pub start: TaskRoute,
    /// `GET` of this path, followed by `/{run_id}`, returns the state of a run and its result.
    pub status: TaskRoute,
    /// The `message` of the response to a start.
    pub started_message: &'static str,
}

/// One route of a task.
#[derive(Debug)]
pub struct TaskRoute {
    /// The path.
    pub path: &'static str,
    /// The `operationId` in the OpenAPI document.
    pub operation: &'static str,
    /// The summary in the OpenAPI document.
    pub summary: &'static str,
}

/// A task.
///
/// A run has its own thread and runtime, so that it may compute for a long time. It ends early by being dropped at an
/// `await`: when it is cancelled, exceeds its timeout, or has been taken over by another replica.
#[async_trait]
pub trait Task: Send + Sync {
    /// The task's definition.
    fn definition(&self) -> &'static TaskDefinition;

    /// Whether an interrupted run can be started again from the beginning. If it can't, the run ends as
    /// [`super::run::State::Interrupted`].
    fn resumable(&self) -> bool;

    /// Checks the parameters before the run is queued.
    ///
    /// # Errors
    /// With a sentence for the caller: which parameter is wrong, why, and which values are allowed.
    fn check(&self, parameters: &Parameters) -> Result<(), String>;

    /// Executes the run and returns its result, which is stored.
    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError>;

    /// The result as an HTML document; None if the task has no page for it.
    fn page(&self, result: &Value) -> Option<String>;
}

/// A target that is a task.
#[derive(Clone)]
pub struct TaskTarget {
    /// The target's name.
    pub name: TargetName,
    /// The task.
    pub task: Arc<dyn Task>,
    /// How many runs may be running at the same time, over all replicas.
    pub max_concurrent: u32,
    /// How many runs may wait.
    pub max_queued: u32,
    /// How long a run may take.
    pub timeout: Duration,
    /// Whether an interrupted run is started again, if the task is resumable.
    pub resume: bool,
}

impl TaskTarget {
    /// Whether an interrupted run is started again.
    pub fn resumes(&self) -> bool {
        self.resume && self.task.resumable()
    }
}

/// Why a run of a task failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct TaskError {
    /// A fixed word, such as `SourceUnreachable`.
    pub reason: &'static str,
    /// What happened, to which thing, and what to do. Callers read it, so it contains no secret and no text of another
    /// system.
    pub message: String,
    /// Details for the log only.
    pub detail: Option<String>,
}
