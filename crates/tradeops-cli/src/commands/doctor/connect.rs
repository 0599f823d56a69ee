//! `doctor --connect`: runs `trades-sync check` where trades-sync runs, because a database and a receiver can be reachable from
//! there and not from here.

use std::time::Duration;

use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use tokio::time::{Instant, sleep};

use super::announce;
use super::report::Report;
use crate::cluster::Cluster;
use crate::cluster::errors::explain;
use crate::failure::Failure;

/// The CronJobs of trades-sync.
const SELECTOR: &str = "app.kubernetes.io/name=trades-sync";
/// How long the check may take.
const MAX_WAIT: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_secs(1);

pub(super) async fn check(report: &mut Report, cluster: &Cluster) -> Result<(), Failure> {
    report.section("connections, from the cluster");
    let namespace = &cluster.release.namespace;
    let cronjobs = cluster.api::<CronJob>().list(&ListParams::default().labels(SELECTOR)).await;
    let cronjobs = cronjobs.map_err(|error| explain(&format!("list cronjobs in {namespace}"), &error))?;
    let template = cronjobs.items.first().and_then(|cronjob| cronjob.spec.job_template.spec.clone());
    let Some(template) = template else {
        report.note("the release has no CronJob of trades-sync, so there is nothing to check");
        return Ok(());
    };
    announce("running trades-sync check in the cluster");
    let jobs = cluster.api::<Job>();
    let job = jobs.create(&PostParams::default(), &check_job(template)).await;
    let name = job.map_err(|error| explain(&format!("create a job in {namespace}"), &error))?.name_any();
    let outcome = wait(cluster, &name).await;
    // Whatever the outcome is, nothing is left.
    let deleted = jobs.delete(&name, &DeleteParams::background()).await;
    let (succeeded, log) = outcome?;
    deleted.map_err(|error| explain(&format!("delete the job {name}"), &error))?;
    for line in log.lines().filter(|line| !line.trim().is_empty()) {
        report.note(common::text::single_line(line, 400));
    }
    match succeeded {
        Some(true) => report.ok("trades-sync check succeeds"),
        Some(false) => report.lacks("a trades-sync check that succeeds", "correct what its last lines name"),
        None => report.lacks(
            format!("a trades-sync check that ends within {} s", MAX_WAIT.as_secs()),
            cluster.hints.to("see why its pod waits", "status"),
        ),
    }
    Ok(())
}

/// The Job of the schedule with another command.
fn check_job(mut template: JobSpec) -> Job {
    template.backoff_limit = Some(0);
    template.active_deadline_seconds = i64::try_from(MAX_WAIT.as_secs()).ok();
    template.ttl_seconds_after_finished = Some(60);
    if let Some(pod) = &mut template.template.spec {
        for container in &mut pod.containers {
            container.args = Some(vec!["check".to_owned()]);
        }
    }
    let name = format!("tradeops-doctor-{:08x}", fastrand::u32(..));
    let metadata = ObjectMeta { name: Some(name), ..ObjectMeta::default() };
    Job { metadata, spec: Some(template), status: None }
}

/// Whether the Job succeeded, None if it did not end; and the log of its pod.
async fn wait(cluster: &Cluster, name: &str) -> Result<(Option<bool>, String), Failure> {
    let deadline = Instant::now() + MAX_WAIT;
    let succeeded = loop {
        let job = cluster.api::<Job>().get(name).await;
        let job = job.map_err(|error| explain(&format!("get the job {name}"), &error))?;
        let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
        let is = |kind: &str| conditions.iter().any(|one| one.type_ == kind && one.status == "True");
        if is("Complete") || is("Failed") {
            break Some(is("Complete"));
        }
        if Instant::now() > deadline {
            break None;
        }
        sleep(POLL).await;
    };
    let pods = cluster.api::<Pod>();
    let selector = ListParams::default().labels(&format!("job-name={name}"));
    let found = pods.list(&selector).await.map(|pods| pods.items).unwrap_or_default();
    let log = match found.first() {
        Some(pod) => pods.logs(&pod.name_any(), &LogParams::default()).await.unwrap_or_default(),
        None => String::new(),
    };
    Ok((succeeded, log))
}
