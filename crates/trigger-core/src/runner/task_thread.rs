//! The thread and runtime of one run, so that a task may compute or panic without affecting anything else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::parameters::Parameters;
use crate::task::{Task, TaskError};
use crate::task_context::TaskContext;

/// How a thread ended.
pub(super) enum ThreadExit {
    Succeeded(Value),
    Failed(TaskError),
    Panicked,
    /// It was asked to stop.
    Stopped,
}

/// The thread of one run.
pub(super) struct TaskThread {
    exit: oneshot::Receiver<ThreadExit>,
    stop: Option<oneshot::Sender<()>>,
}

impl TaskThread {
    pub(super) fn start(task: Arc<dyn Task>, parameters: Parameters, context: TaskContext) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (sender, exit) = oneshot::channel();
        let span = tracing::Span::current();
        let work = move || {
            let _entered = span.entered();
            let work = AssertUnwindSafe(|| block_on(task.as_ref(), &parameters, &context, stopped));
            let exit = std::panic::catch_unwind(work).unwrap_or(ThreadExit::Panicked);
            // The receiver was dropped if the worker was.
            let _ = sender.send(exit);
        };
        if let Err(error) = std::thread::Builder::new().name("task".to_owned()).spawn(work) {
            tracing::error!(%error, "cannot start the thread of a run");
        }
        Self { exit, stop: Some(stop) }
    }

    /// Stops the task at its next `await`.
    pub(super) fn stop(&mut self) {
        // The receiver treats a dropped sender as the request to stop.
        self.stop = None;
    }

    /// Waits for the thread to end. The future may be dropped and the method called again.
    pub(super) async fn exited(&mut self) -> ThreadExit {
        // If the thread could not be started, its sender was dropped.
        (&mut self.exit).await.unwrap_or(ThreadExit::Panicked)
    }
}

fn block_on(
    task: &dyn Task,
    parameters: &Parameters,
    context: &TaskContext,
    stopped: oneshot::Receiver<()>,
) -> ThreadExit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process can create timers and sockets");
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = stopped => ThreadExit::Stopped,
            result = task.run(parameters, context) => match result {
                Ok(result) => ThreadExit::Succeeded(result),
                Err(error) => ThreadExit::Failed(error),
            },
        }
    })
}
