//! A task whose runs wait for orders.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};
use trigger_core::task::{Parameters, Task, TaskContext, TaskError, TaskTarget};

use crate::support::PATIENCE;

/// What a run is to do.
pub(crate) enum Order {
    Succeed(Value),
    Fail,
    Panic,
    /// Compute without ever awaiting, until the sender is gone.
    Compute(std::sync::mpsc::Receiver<()>),
}

/// A run that was begun and waits.
pub(crate) struct Begun {
    pub(crate) parameters: Parameters,
    pub(crate) context: TaskContext,
    orders: oneshot::Sender<Order>,
}

/// Gives the runs as they are begun, by whichever replica.
pub(crate) struct Script {
    begun: mpsc::UnboundedReceiver<Begun>,
}

struct Scripted {
    resumable: bool,
    begun: mpsc::UnboundedSender<Begun>,
}

/// A task of that kind as a target, and what tells of its runs.
pub(crate) fn scripted(resumable: bool) -> (TaskTarget, Script) {
    let (sender, begun) = mpsc::unbounded_channel();
    (target(Arc::new(Scripted { resumable, begun: sender })), Script { begun })
}

/// A task as a target: one run at once, a hundred that wait.
pub(crate) fn target(task: Arc<dyn Task>) -> TaskTarget {
    TaskTarget {
        name: "scripted".parse().expect("a name"),
        task,
        max_concurrent: 1,
        queue: 100,
        limit: Duration::from_mins(5),
        resume: true,
    }
}

impl Script {
    /// The next run that is begun.
    pub(crate) async fn next(&mut self) -> Begun {
        timeout(PATIENCE, self.begun.recv()).await.expect("a run is begun").expect("the task is there")
    }

    /// Whether no run was begun that was not asked for.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.begun.try_recv().is_err()
    }
}

impl Begun {
    pub(crate) fn order(self, order: Order) {
        assert!(self.orders.send(order).is_ok(), "the run goes on");
    }

    pub(crate) fn succeed(self) {
        self.order(Order::Succeed(json!({ "done": true })));
    }

    /// Waits until the run was dropped.
    pub(crate) async fn dropped(mut self) {
        timeout(PATIENCE, self.orders.closed()).await.expect("the run is dropped");
    }
}

#[async_trait]
impl Task for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn resumable(&self) -> bool {
        self.resumable
    }

    fn check(&self, parameters: &Parameters) -> Result<(), String> {
        if parameters.contains_key("nonsense") { Err("nonsense is no parameter".to_owned()) } else { Ok(()) }
    }

    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let (orders, ordered) = oneshot::channel();
        let begun = Begun { parameters: parameters.clone(), context: context.clone(), orders };
        // A test that has ended wants nothing more.
        let _ = self.begun.send(begun);
        match ordered.await {
            Ok(Order::Succeed(result)) => Ok(result),
            Ok(Order::Fail) => Err(TaskError {
                reason: "Refused",
                message: "It was told to fail.".to_owned(),
                detail: Some("for the log alone".to_owned()),
            }),
            Ok(Order::Panic) => panic!("it was told to panic"),
            Ok(Order::Compute(end)) => {
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
