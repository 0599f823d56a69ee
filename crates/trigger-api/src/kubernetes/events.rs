//! Tells the cluster's own record who started a Job, so that `kubectl describe cronjob` shows it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Api;
use kube::api::PostParams;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::calls::Calls;
use trigger_core::run::Run;
use trigger_core::target::Target;

/// How many events may wait; more than that are left out, for they are only a courtesy.
const WAITING: usize = 64;

/// The shortest time from one event to the next: a burst of clicks shall not cost the API server twice.
const PAUSE: Duration = Duration::from_secs(1);

/// Creates events, one at a time, apart from the requests they are about.
pub(super) struct Announcer {
    queue: mpsc::Sender<(String, Event)>,
}

impl Announcer {
    pub(super) fn start(calls: Calls, tasks: &mut JoinSet<()>) -> Self {
        let (queue, mut waiting) = mpsc::channel::<(String, Event)>(WAITING);
        tasks.spawn(async move {
            while let Some((namespace, event)) = waiting.recv().await {
                let api: Api<Event> = Api::namespaced(calls.client.clone(), &namespace);
                if let Err(error) = calls.bounded(api.create(&PostParams::default(), &event)).await {
                    tracing::debug!(%error, "an event could not be created");
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { queue }
    }

    pub(super) fn announce(&self, target: &Target, run: &Run) {
        // A full queue is no error; see WAITING.
        let _ = self.queue.try_send((target.namespace.clone(), event(target, run)));
    }
}

fn event(target: &Target, run: &Run) -> Event {
    let now = Some(Time(Timestamp::now()));
    let caller = run.requested_by.as_deref().unwrap_or("someone");
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", target.cronjob)),
            namespace: Some(target.namespace.clone()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some("batch/v1".to_owned()),
            kind: Some("CronJob".to_owned()),
            name: Some(target.cronjob.clone()),
            namespace: Some(target.namespace.clone()),
            ..ObjectReference::default()
        },
        type_: Some("Normal".to_owned()),
        reason: Some("Triggered".to_owned()),
        message: Some(format!("Created job {} because {caller} asked for it", run.job_name)),
        count: Some(1),
        first_timestamp: now.clone(),
        last_timestamp: now,
        source: Some(EventSource { component: Some("trigger-api".to_owned()), host: None }),
        ..Event::default()
    }
}
