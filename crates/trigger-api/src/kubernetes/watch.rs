//! Hears of changes in the cluster.
//!
//! A watch lasts half a minute and is then taken up where it ended, so what was heard is never much older than
//! that, even when a connection hangs: the client for watches gives a silent one up. When the server has forgotten the
//! place (410), everything is listed anew.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use futures_util::StreamExt;
use jiff::Timestamp;
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::objects::{self, CronJobObject, JobObject, PodObject};
use super::shared::Shared;
use super::view::Listing;
use super::{cause, logs, reconcile};
use crate::domain::run::{Run, RunId};

const WATCH_SECONDS: u32 = 25;
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often runs are looked at that change because nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// The pauses between tries: short at first, and never so long that a recovery goes unnoticed for more than some seconds.
struct Pauses(ExponentialBackoff);

impl Pauses {
    fn new() -> Self {
        let pauses = ExponentialBuilder::new().with_min_delay(SHORTEST_PAUSE).with_max_delay(LONGEST_PAUSE);
        Self(pauses.with_jitter().without_max_times().build())
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        *self = Self::new();
    }
}

/// Starts to watch every target's CronJob, and the Jobs and their pods in every namespace that has a target.
pub(super) fn start(shared: &Arc<Shared>, client: &Client, watches: &mut JoinSet<()>) {
    for target in &shared.targets {
        // By name, so that the permission can be for that name alone.
        let only = watcher::Config::default().fields(&format!("metadata.name={}", target.cronjob));
        let api = objects::cronjobs(client, &target.namespace);
        let place = (target.namespace.clone(), target.cronjob.clone());
        let what = format!("CronJob {} in {}", target.cronjob, target.namespace);
        spawn(shared, watches, api, only, what, move |shared, event| hear_of_cronjob(shared, &place, event));
    }
    for namespace in shared.namespaces() {
        let all = watcher::Config::default();
        let (place, mut listing) = (namespace.clone(), Listing::default());
        let what = format!("Jobs in {namespace}");
        spawn(shared, watches, objects::jobs(client, &namespace), all, what, move |shared, event| {
            hear_of_job(shared, &place, &mut listing, event);
        });
        let of_jobs = watcher::Config::default().labels("batch.kubernetes.io/job-name");
        let (place, mut listing) = (namespace.clone(), Listing::default());
        let what = format!("pods in {namespace}");
        spawn(shared, watches, objects::pods(client, &namespace), of_jobs, what, move |shared, event| {
            hear_of_pod(shared, &place, &mut listing, event);
        });
    }
    watches.spawn(tick(Arc::clone(shared)));
}

fn spawn<K>(
    shared: &Arc<Shared>,
    watches: &mut JoinSet<()>,
    api: Api<K>,
    config: watcher::Config,
    what: String,
    mut hear: impl FnMut(&Arc<Shared>, Event<K>) + Send + 'static,
) where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let shared = Arc::clone(shared);
    shared.health.expect(&what);
    watches.spawn(async move {
        let mut events = watcher::watcher(api, config.timeout(WATCH_SECONDS)).backoff(Pauses::new()).boxed();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    let listed = matches!(event, Event::InitDone);
                    hear(&shared, event);
                    shared.health.well(&what);
                    if listed {
                        shared.health.listed(&what);
                    }
                }
                Err(error) => shared.health.trouble(&what, &error),
            }
        }
    });
}

fn hear_of_cronjob(shared: &Arc<Shared>, (namespace, name): &(String, String), event: Event<CronJobObject>) {
    match event {
        Event::Apply(cronjob) | Event::InitApply(cronjob) => shared.view().apply_cronjob(cronjob),
        // A list that does not hold it follows no deletion that was heard of.
        Event::Delete(_) | Event::Init => shared.view().remove_cronjob(namespace, name),
        Event::InitDone => {}
    }
}

fn hear_of_job(shared: &Arc<Shared>, namespace: &str, listing: &mut Listing, event: Event<JobObject>) {
    let now = Timestamp::now();
    let changed = match event {
        Event::Init => {
            *listing = shared.view().begin_listing();
            None
        }
        Event::Apply(job) | Event::InitApply(job) => shared.view().apply_job(job, now),
        Event::Delete(job) => shared.view().remove_job(job, now),
        Event::InitDone => {
            shared.view().end_job_listing(namespace, *listing);
            tokio::spawn(reconcile::missed_ends(Arc::clone(shared), namespace.to_owned()));
            None
        }
    };
    if let Some(run) = changed {
        report(shared, run);
    }
}

fn hear_of_pod(shared: &Arc<Shared>, namespace: &str, listing: &mut Listing, event: Event<PodObject>) {
    let now = Timestamp::now();
    let changed = match event {
        Event::Init => {
            *listing = shared.view().begin_listing();
            None
        }
        Event::Apply(pod) | Event::InitApply(pod) => {
            let job = objects::controller(&pod.metadata, "Job").map(|job| job.uid.clone());
            let changed = shared.view().apply_pod(pod, now);
            if let Some(job) = job {
                read_logs(shared, namespace, &job);
            }
            changed
        }
        Event::Delete(pod) => shared.view().remove_pod(pod, now),
        Event::InitDone => {
            shared.view().end_pod_listing(namespace, *listing);
            None
        }
    };
    if let Some(run) = changed {
        report(shared, run);
    }
}

/// Reads along with every container of the Job that has started.
fn read_logs(shared: &Arc<Shared>, namespace: &str, job_uid: &str) {
    let id = RunId::new(job_uid);
    let view = shared.view();
    if view.has_job(&id) {
        for container in logs::containers(view.pods(&id)) {
            shared.logs.follow(&id, namespace, container);
        }
    }
}

/// Passes on that a run changed: to who reads its log, and into the history.
pub(super) fn report(shared: &Arc<Shared>, run: Run) {
    if run.cause.as_ref().is_some_and(cause::is_for_a_pod_to_tell) {
        tokio::spawn(explain(Arc::clone(shared), run));
    } else {
        pass_on(shared, run);
    }
}

/// Asks for the pods of a Job whose failure was heard of before theirs: Jobs and pods come over connections of their own,
/// and the cause of an end is never changed afterwards.
async fn explain(shared: Arc<Shared>, run: Run) {
    let pods = shared.calls.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default();
    let explained = shared.view().explain(&run.id, pods, Timestamp::now());
    pass_on(&shared, explained.unwrap_or(run));
}

fn pass_on(shared: &Arc<Shared>, run: Run) {
    shared.logs.note(&run);
    read_logs(shared, &run.namespace, run.id.as_str());
    shared.recorder.observe(run);
}

async fn tick(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let changed = shared.view().tick(Timestamp::now());
        for run in changed {
            report(&shared, run);
        }
    }
}
