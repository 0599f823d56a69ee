//! A task whose runs wait for instructions of the test.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};
use trigger_core::parameters::Parameters;
use trigger_core::task::{Task, TaskDefinition, TaskError, TaskTarget};
use trigger_core::task_context::TaskContext;

use crate::support::PATIENCE;

/// How a run continues.
pub(crate) enum Instruction {
    Succeed(Value),
    Fail,
    Panic,
    /// Block the thread until the sender is dropped.
    Block(std::sync::mpsc::Receiver<()>),
}

/// A run that was started and waits for an instruction.
pub(crate) struct StartedRun {
    pub(crate) parameters: Parameters,
    pub(crate) context: TaskContext,
    instruction: oneshot::Sender<Instruction>,
}

/// Receives the runs of the task as any replica starts them.
pub(crate) struct Script {
    started: mpsc::UnboundedReceiver<StartedRun>,
}

struct ScriptedTask {
    resumable: bool,
    started: mpsc::UnboundedSender<StartedRun>,
}

/// A target with such a task, and the receiver of its runs.
pub(crate) fn scripted(resumable: bool) -> (TaskTarget, Script) {
    let (sender, started) = mpsc::unbounded_channel();
    (target(Arc::new(ScriptedTask { resumable, started: sender })), Script { started })
}

/// A target that executes one run at a time and queues at most a hundred.
pub(crate) fn target(task: Arc<dyn Task>) -> TaskTarget {
    TaskTarget {
        name: "scripted".parse().expect("a name"),
        task,
        max_concurrent: 1,
        max_queued: 100,
        timeout: Duration::from_mins(5),
        resume: true,
    }
}

impl Script {
    /// The next run that is started.
    pub(crate) async fn next(&mut self) -> StartedRun {
        timeout(PATIENCE, self.started.recv()).await.expect("a run is started").expect("the task exists")
    }

    /// Whether no further run was started.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.started.try_recv().is_err()
    }
}

impl StartedRun {
    pub(crate) fn instruct(self, instruction: Instruction) {
        assert!(self.instruction.send(instruction).is_ok(), "the run is in progress");
    }

    pub(crate) fn succeed(self) {
        self.instruct(Instruction::Succeed(json!({ "done": true })));
    }

    /// Waits until the run was dropped.
    pub(crate) async fn dropped(mut self) {
        timeout(PATIENCE, self.instruction.closed()).await.expect("the run is dropped");
    }
}

#[async_trait]
impl Task for ScriptedTask {
    fn definition(&self) -> &'static TaskDefinition {
        static DEFINITION: TaskDefinition = TaskDefinition {
            name: "scripted",
            parameters: Parameters::new,
            not_configured: "",
            routes: None,
        };
        &DEFINITION
    }

    fn resumable(&self) -> bool {
        self.resumable
    }

    fn check(&self, parameters: &Parameters) -> Result<(), String> {
        if parameters.contains_key("nonsense") { Err("nonsense is no parameter".to_owned()) } else { Ok(()) }
    }

    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let (sender, instruction) = oneshot::channel();
        let run =
            StartedRun { parameters: parameters.clone(), context: context.clone(), instruction: sender };
        // A test that has ended no longer receives runs.
        let _ = self.started.send(run);
        match instruction.await {
            Ok(Instruction::Succeed(result)) => Ok(result),
            Ok(Instruction::Fail) => Err(TaskError {
                reason: "Refused",
                message: "The test made it fail.".to_owned(),
                detail: Some("only for the log".to_owned()),
            }),
            Ok(Instruction::Panic) => panic!("the test made it panic"),
            Ok(Instruction::Block(end)) => {
                let _ = end.recv();
                Ok(Value::Null)
            }
            Err(_) => pending().await,
        }
    }

    fn page(&self, result: &Value) -> Option<String> {
        Some(format!("<p>{result}</p>"))
    }
}
