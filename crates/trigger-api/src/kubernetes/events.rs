//! Records in the cluster who started a Job, as a Kubernetes Event that `kubectl describe cronjob` shows.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Api;
use kube::api::PostParams;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::run::Run;

use super::client::ClusterClient;
use super::rights::Right;

/// The maximum length of the queue. Events are optional, so more are dropped.
const MAX_QUEUED: usize = 64;

/// The shortest time between two events, so that a burst of starts does not double the load of the API server.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Creates Events one at a time, independently of the requests that start the Jobs.
pub(super) struct EventRecorder {
    queue: mpsc::Sender<(String, Event)>,
}

impl EventRecorder {
    pub(super) fn start(cluster: ClusterClient, tasks: &mut JoinSet<()>) -> Self {
        let (queue, mut queued) = mpsc::channel::<(String, Event)>(MAX_QUEUED);
        tasks.spawn(async move {
            while let Some((namespace, event)) = queued.recv().await {
                let api: Api<Event> = Api::namespaced(cluster.client.clone(), &namespace);
                let right = Right::of_events(&namespace);
                if let Err(error) = cluster.read(&right, api.create(&PostParams::default(), &event)).await {
                    tracing::debug!(%error, "could not create a Kubernetes Event");
                }
                tokio::time::sleep(MIN_INTERVAL).await;
            }
        });
        Self { queue }
    }

    pub(super) fn record_start(&self, target: &CronJobTarget, run: &Run) {
        // A full queue is not an error; see MAX_QUEUED.
        let _ = self.queue.try_send((target.namespace.clone(), event(target, run)));
    }
}

fn event(target: &CronJobTarget, run: &Run) -> Event {
    let now = Some(Time(Timestamp::now()));
    let caller = run.requested_by.as_deref().unwrap_or("an unknown caller");
    let via = run.requested_via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
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
        message: Some(format!("Created job {}, requested by {caller}{via}", run.job_name)),
        count: Some(1),
        first_timestamp: now.clone(),
        last_timestamp: now,
        source: Some(EventSource { component: Some("trigger-api".to_owned()), host: None }),
        ..Event::default()
    }
}
