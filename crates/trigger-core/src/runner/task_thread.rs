//! A thread with a runtime of its own for one run: what a task computes delays nobody else, and when it panics the thread
//! ends and nothing more.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::oneshot;

use super::super::task::{Parameters, Task, TaskContext, TaskError};

/// How the work of a thread ended.
pub(super) enum Ending {
    Done(Value),
    Failed(TaskError),
    Panicked,
    /// It was asked to stop.
    Stopped,
}

/// The work of one run.
pub(super) struct TaskThread {
    ending: oneshot::Receiver<Ending>,
    stop: Option<oneshot::Sender<()>>,
}

impl TaskThread {
    pub(super) fn start(task: Arc<dyn Task>, parameters: Parameters, context: TaskContext) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (sender, ending) = oneshot::channel();
        let span = tracing::Span::current();
        let work = move || {
            let _entered = span.entered();
            let work = AssertUnwindSafe(|| block_on(task.as_ref(), &parameters, &context, stopped));
            let ending = std::panic::catch_unwind(work).unwrap_or(Ending::Panicked);
            // Nobody may want to know any more.
            let _ = sender.send(ending);
        };
        if let Err(error) = std::thread::Builder::new().name("task".to_owned()).spawn(work) {
            tracing::error!(%error, "a run can't have a thread");
        }
        Self { ending, stop: Some(stop) }
    }

    /// Has the work stop at its next await.
    pub(super) fn stop(&mut self) {
        // Dropping it says the same.
        self.stop = None;
    }

    /// Waits for the end of the work. It may be called again after it was dropped.
    pub(super) async fn ended(&mut self) -> Ending {
        // A thread that could not be started has dropped its end.
        (&mut self.ending).await.unwrap_or(Ending::Panicked)
    }
}

fn block_on(
    task: &dyn Task,
    parameters: &Parameters,
    context: &TaskContext,
    stopped: oneshot::Receiver<()>,
) -> Ending {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a process may have timers and sockets");
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = stopped => Ending::Stopped,
            result = task.run(parameters, context) => match result {
                Ok(result) => Ending::Done(result),
                Err(error) => Ending::Failed(error),
            },
        }
    })
}
