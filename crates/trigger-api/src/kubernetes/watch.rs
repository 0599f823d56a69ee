//! Watches the cluster and applies its changes to the cache.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::runtime::watcher::Event;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use trigger_core::run::{Run, RunId};

use super::cache::ClusterCache;
use super::changes::{Report, Watched};
use super::ended_runs::EndedRunsReceivers;
use super::error::is_denied;
use super::health::Observed;
use super::listing::Listing;
use super::objects::{self, CronJobObject, JobObject, PodObject};
use super::shared::Shared;
use super::{cause, logs, pods, reconcile, unlisted};

/// The interval of updating causes that depend on time.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);

/// Starts watches of every target's CronJob, and of the Jobs and their pods in every namespace that has a target.
pub(super) fn start(shared: &Arc<Shared>, client: &Client, watches: &mut JoinSet<()>) {
    for target in &shared.targets {
        // A field selector with the name, so that RBAC can restrict the permission to that name.
        let selection = ListParams::default().fields(&format!("metadata.name={}", target.cronjob));
        let api = objects::cronjobs(client, &target.namespace);
        let key = (target.namespace.clone(), target.cronjob.clone());
        let mut is_listed = false;
        spawn(shared, watches, (api, selection), Observed::cronjob(target), FirstList::default(), {
            move |shared, event| {
                if let Ok(event) = event {
                    apply_cronjob_event(shared, &key, &mut is_listed, event);
                }
            }
        });
    }
    for namespace in shared.namespaces() {
        let (api, selection) = (objects::jobs(client, &namespace), ListParams::default());
        let (own_namespace, mut listing) = (namespace.clone(), Listing::default());
        // Pods are listed after Jobs, because the pods of Jobs that have ended are not kept.
        let (ended, after) = oneshot::channel();
        let first_list = FirstList { ended: Some(ended), after: None };
        let what = Observed::Jobs(namespace.clone());
        spawn(shared, watches, (api, selection), what, first_list, move |shared, event| match event {
            Ok(event) => apply_job_event(shared, &own_namespace, &mut listing, event),
            Err(error) => read_unlisted_jobs(shared, &own_namespace, error),
        });
        let selection = ListParams::default().labels("batch.kubernetes.io/job-name");
        let api = objects::pods(client, &namespace);
        let (own_namespace, mut listing) = (namespace.clone(), Listing::default());
        let first_list = FirstList { ended: None, after: Some(after) };
        let what = Observed::Pods(namespace);
        spawn(shared, watches, (api, selection), what, first_list, move |shared, event| match event {
            Ok(event) => apply_pod_event(shared, &own_namespace, &mut listing, event),
            Err(error) if is_denied(error) => shared.cache().set_pods_listed(&own_namespace, false),
            Err(_) => {}
        });
    }
    watches.spawn(update_pending_runs(Arc::clone(shared)));
}

/// Orders the first lists of watches.
#[derive(Default)]
struct FirstList {
    /// Dropped when the first list has ended or failed.
    ended: Option<oneshot::Sender<()>>,
    /// The end of another first list.
    after: Option<oneshot::Receiver<()>>,
}

fn spawn<K>(
    shared: &Arc<Shared>,
    watches: &mut JoinSet<()>,
    (api, selection): (Api<K>, ListParams),
    what: Observed,
    first_list: FirstList,
    mut apply_event: impl FnMut(&Arc<Shared>, Result<Event<K>, &kube::Error>) + Send + 'static,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let shared = Arc::clone(shared);
    shared.health.register(&what);
    let (recorder, max_denied_delay) = (Some(Arc::clone(&shared.recorder)), shared.max_denied_delay);
    let source = Watched { api, selection, recorder, max_denied_delay };
    watches.spawn(async move {
        let FirstList { mut ended, after } = first_list;
        if let Some(after) = after {
            let _ = after.await;
        }
        let rights = &shared.cluster.rights;
        let report = |report| match report {
            Report::Changed(event) => {
                let listed = matches!(event, Event::InitDone);
                apply_event(&shared, Ok(event));
                if listed {
                    rights.grant(&what.right("list"));
                    shared.health.mark_listed(&what);
                    ended = None;
                }
            }
            Report::Watching => {
                rights.grant(&what.right("watch"));
                shared.health.mark_followed(&what);
            }
            Report::Failed(verb, error) => {
                if is_denied(&error) {
                    rights.deny(&what.right(verb));
                    shared.health.mark_denied(&what, verb);
                } else {
                    shared.health.record_error(&what, &error);
                }
                apply_event(&shared, Err(&error));
                ended = None;
            }
        };
        source.follow(report).await;
    });
}

fn apply_cronjob_event(
    shared: &Arc<Shared>,
    (namespace, name): &(String, String),
    is_listed: &mut bool,
    event: Event<CronJobObject>,
) {
    match event {
        Event::Init => *is_listed = false,
        Event::Apply(cronjob) | Event::InitApply(cronjob) => {
            *is_listed = true;
            shared.cache().apply_cronjob(cronjob);
        }
        Event::Delete(_) => shared.cache().remove_cronjob(namespace, name),
        // If the CronJob was deleted between two watches, no Delete event arrives, and the new list does not contain it. It is
        // removed after the list, so that a list does not look like a deletion.
        Event::InitDone if !*is_listed => shared.cache().remove_cronjob(namespace, name),
        Event::InitDone => {}
    }
}

fn apply_job_event(shared: &Arc<Shared>, namespace: &str, listing: &mut Listing, event: Event<JobObject>) {
    match event {
        Event::Init => *listing = shared.cache().begin_listing(),
        Event::Apply(job) | Event::InitApply(job) => apply(shared, |cache, now| cache.apply_job(job, now)),
        Event::Delete(job) => apply(shared, |cache, now| cache.remove_job(job, now)),
        Event::InitDone => {
            apply(shared, |cache, now| cache.end_job_listing(namespace, *listing, now));
            tokio::spawn(reconcile::reconcile_missing_jobs(Arc::clone(shared), namespace.to_owned()));
        }
    }
}

/// Reads the Jobs of active runs in the background, if the error denies their list.
fn read_unlisted_jobs(shared: &Arc<Shared>, namespace: &str, error: &kube::Error) {
    if is_denied(error) && unlisted::missing_right(shared, namespace).is_some() {
        let (shared, namespace) = (Arc::clone(shared), namespace.to_owned());
        tokio::spawn(async move {
            let apply = |job| apply(&shared, |cache, now| cache.apply_job(job, now));
            unlisted::read_active_jobs(&shared, &namespace, apply).await;
        });
    }
}

fn apply_pod_event(shared: &Arc<Shared>, namespace: &str, listing: &mut Listing, event: Event<PodObject>) {
    match event {
        Event::Init => *listing = shared.cache().begin_listing(),
        Event::Apply(pod) | Event::InitApply(pod) => {
            let job = pods::run_of(&pod.metadata);
            apply(shared, |cache, now| cache.apply_pod(pod, now));
            if let Some(job) = job {
                follow_logs(shared, &shared.cache(), namespace, &job);
            }
        }
        Event::Delete(pod) => apply(shared, |cache, now| cache.remove_pod(pod, now)),
        Event::InitDone => {
            apply(shared, |cache, now| cache.end_pod_listing(namespace, *listing, now));
            let cache = shared.cache();
            for job in cache.ids_with_pods(namespace) {
                follow_logs(shared, &cache, namespace, &job);
            }
        }
    }
}

/// Applies a change to the cache, and publishes the runs that it changed. Both happen under the lock of the cache: Jobs and
/// pods arrive on different connections, and the last published state of a run must be the cached one.
pub(super) fn apply<Changed: IntoIterator<Item = Run>>(
    shared: &Arc<Shared>,
    change: impl FnOnce(&mut ClusterCache, Timestamp) -> Changed,
) {
    let mut cache = shared.cache();
    for run in change(&mut cache, Timestamp::now()) {
        publish(shared, &cache, run);
    }
}

/// Follows the logs of the Job's containers that have started. Only when all pods of the Job are known, because their logs
/// are read in the order of the pods.
fn follow_logs(shared: &Shared, cache: &ClusterCache, namespace: &str, job: &RunId) {
    if cache.has_job(job) && cache.has_listed_pods(namespace) {
        for container in logs::containers(cache.pods(job), None) {
            shared.logs.follow(job, namespace, container);
        }
    }
}

/// Publishes a changed run: to the log collector and to the recorder.
pub(super) fn publish(shared: &Arc<Shared>, cache: &ClusterCache, run: Run) {
    if run.cause.as_ref().is_some_and(cause::lacks_pod_failure) {
        shared.ended.complete_cause(cache.shared_run(run));
    } else {
        publish_now(shared, cache, run);
    }
}

fn publish_now(shared: &Shared, cache: &ClusterCache, run: Run) {
    if run.state.is_final() {
        shared.ended.store_log(cache.shared_run(run.clone()));
    } else {
        shared.logs.open(&run.id);
    }
    follow_logs(shared, cache, &run.namespace, &run.id);
    shared.recorder.observe(run);
}

/// Processes the queues of ended runs.
pub(super) fn start_finishing(shared: &Arc<Shared>, queues: EndedRunsReceivers, tasks: &mut JoinSet<()>) {
    let (causes, logs) = (Arc::clone(shared), Arc::clone(shared));
    let store_log = move |run: Arc<Run>| {
        let shared = Arc::clone(&logs);
        async move { shared.logs.recover(&run).await }
    };
    queues.start(move |run| complete_cause(Arc::clone(&causes), run), store_log, tasks);
}

/// Fetches the pods of a Job whose failure arrived before theirs, then publishes the run. The recorder never changes the
/// cause of a run that has ended, so the first one must be complete.
async fn complete_cause(shared: Arc<Shared>, run: Arc<Run>) {
    let stored = shared.store.run(&run.id).await;
    let has_cause = matches!(stored, Ok(Some(stored)) if stored.state.is_final());
    let pods = if has_cause {
        Vec::new()
    } else {
        shared.cluster.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default()
    };
    let mut cache = shared.cache();
    let complete = cache.complete_cause(&run.id, pods, Timestamp::now());
    publish_now(&shared, &cache, complete.unwrap_or_else(|| Run::clone(&run)));
}

async fn update_pending_runs(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(UPDATE_INTERVAL);
    loop {
        ticks.tick().await;
        apply(&shared, ClusterCache::update_pending);
    }
}
