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
use super::view::{Listing, View};
use super::{cause, logs, reconcile};
use trigger_core::run::{Run, RunId};

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
    match event {
        Event::Init => *listing = shared.view().begin_listing(),
        Event::Apply(job) | Event::InitApply(job) => take_in(shared, |view, now| view.apply_job(job, now)),
        Event::Delete(job) => take_in(shared, |view, now| view.remove_job(job, now)),
        Event::InitDone => {
            shared.view().end_job_listing(namespace, *listing);
            tokio::spawn(reconcile::missed_ends(Arc::clone(shared), namespace.to_owned()));
        }
    }
}

fn hear_of_pod(shared: &Arc<Shared>, namespace: &str, listing: &mut Listing, event: Event<PodObject>) {
    match event {
        Event::Init => *listing = shared.view().begin_listing(),
        Event::Apply(pod) | Event::InitApply(pod) => {
            let job = objects::controller(&pod.metadata, "Job").map(|job| RunId::new(job.uid.clone()));
            take_in(shared, |view, now| view.apply_pod(pod, now));
            if let Some(job) = job {
                read_logs(shared, &shared.view(), namespace, &job);
            }
        }
        Event::Delete(pod) => take_in(shared, |view, now| view.remove_pod(pod, now)),
        Event::InitDone => shared.view().end_pod_listing(namespace, *listing),
    }
}

/// Takes in what was heard, and passes on what that changes of a run before anything else is taken in: Jobs and pods come
/// over connections of their own, and what is told last of a run has to be what is known.
pub(super) fn take_in(shared: &Arc<Shared>, hear: impl FnOnce(&mut View, Timestamp) -> Option<Run>) {
    let mut view = shared.view();
    if let Some(run) = hear(&mut view, Timestamp::now()) {
        report(shared, &view, run);
    }
}

/// Reads along with every container of the Job that has started.
fn read_logs(shared: &Shared, view: &View, namespace: &str, job: &RunId) {
    if view.has_job(job) {
        for container in logs::containers(view.pods(job)) {
            shared.logs.follow(job, namespace, container);
        }
    }
}

/// Passes on that a run changed: to who reads its log, and into the history.
pub(super) fn report(shared: &Arc<Shared>, view: &View, run: Run) {
    if run.cause.as_ref().is_some_and(cause::is_for_a_pod_to_tell) {
        tokio::spawn(explain(Arc::clone(shared), run));
    } else {
        pass_on(shared, view, run);
    }
}

/// Asks for the pods of a Job whose failure was heard of before theirs: the cause of an end is never changed afterwards.
async fn explain(shared: Arc<Shared>, run: Run) {
    let pods = shared.calls.pods_of_job(&run.namespace, &run.job_name).await.unwrap_or_default();
    let mut view = shared.view();
    let explained = view.explain(&run.id, pods, Timestamp::now());
    pass_on(&shared, &view, explained.unwrap_or(run));
}

fn pass_on(shared: &Shared, view: &View, run: Run) {
    shared.logs.note(&run);
    read_logs(shared, view, &run.namespace, &run.id);
    shared.recorder.observe(run);
}

async fn tick(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let mut view = shared.view();
        for run in view.tick(Timestamp::now()) {
            report(&shared, &view, run);
        }
    }
}
