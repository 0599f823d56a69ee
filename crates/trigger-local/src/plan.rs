//! What is run for a CronJob: its template read field by field. What can't be done here is refused by name rather
//! than left out, so that a run that succeeds has done what it would do in a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::config::LocalConfig;
use super::expand::expand;
use super::failure_policy::FailurePolicy;
use super::manifest::Manifest;
use super::refusal::{Refusal, none_of, present, seconds};
use super::variables::{self, JobName};

/// How long a program has between SIGTERM and SIGKILL, whatever its CronJob says: who cancels waits for it.
const LONGEST_GRACE: Duration = Duration::from_secs(10);
/// Kubernetes' default of `terminationGracePeriodSeconds`; more than [`LONGEST_GRACE`].
const DEFAULT_GRACE: Duration = Duration::from_secs(30);
/// Kubernetes' default of `backoffLimit`.
const DEFAULT_RETRIES: u32 = 6;

const JOB: &str = "spec.jobTemplate.spec";
const POD: &str = "spec.jobTemplate.spec.template.spec";
const CONTAINER: &str = "spec.jobTemplate.spec.template.spec.containers[0]";

/// All that is needed to run a Job of a CronJob.
pub(super) struct Plan {
    /// Program and arguments; the error is the sentence that says why there is no program.
    pub(super) command: Result<Vec<String>, String>,
    /// The container's variables and those of the settings.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) directory: Option<PathBuf>,
    /// How many failed attempts are followed by another one.
    pub(super) retries: u32,
    /// What the attempts may take together.
    pub(super) job_deadline: Option<Duration>,
    /// What each attempt may take.
    pub(super) attempt_deadline: Option<Duration>,
    pub(super) grace: Duration,
    pub(super) failure_policy: FailurePolicy,
}

impl Plan {
    /// Reads a CronJob's template.
    pub(super) fn new(manifest: &Manifest, config: &LocalConfig, job: &JobName<'_>) -> Result<Self, Refusal> {
        read(manifest, config, job).map_err(|refusal| refusal.of(&manifest.origin))
    }
}

fn read(manifest: &Manifest, config: &LocalConfig, name: &JobName<'_>) -> Result<Plan, Refusal> {
    let missing = |field| Refusal::new(field, "is missing");
    let job = manifest.cronjob.spec.job_template.spec.as_ref().ok_or_else(|| missing(JOB.to_owned()))?;
    let pod = job.template.spec.as_ref().ok_or_else(|| missing(POD.to_owned()))?;
    let container = pod.containers.first().ok_or_else(|| missing(format!("{POD}.containers")))?;
    only_what_is_done_here(job, pod, container)?;
    let restarts_in_place = match pod.restart_policy.as_deref() {
        Some("OnFailure") => true,
        Some("Never") => false,
        _ => return Err(Refusal::new(format!("{POD}.restartPolicy"), "must be OnFailure or Never")),
    };
    let failure_policy = match &job.pod_failure_policy {
        Some(_) if restarts_in_place => {
            return Err(Refusal::new(
                format!("{JOB}.podFailurePolicy"),
                "goes with restartPolicy Never alone, as in a cluster",
            ));
        }
        Some(policy) => FailurePolicy::new(&policy.rules, &container.name)
            .map_err(|(field, problem)| Refusal::new(format!("{JOB}.podFailurePolicy.{field}"), problem))?,
        None => FailurePolicy::default(),
    };
    let job_deadline = seconds(job.active_deadline_seconds, JOB, "activeDeadlineSeconds")?;
    let pod_deadline = seconds(pod.active_deadline_seconds, POD, "activeDeadlineSeconds")?;
    // A pod that restarts its container is one pod, so its time goes on; otherwise each attempt is a pod.
    let (job_deadline, attempt_deadline) = if restarts_in_place {
        (job_deadline.into_iter().chain(pod_deadline).min(), None)
    } else {
        (job_deadline, pod_deadline)
    };
    let grace = seconds(pod.termination_grace_period_seconds, POD, "terminationGracePeriodSeconds")?;
    let variables = variables::read(container, &config.env, &manifest.config_maps, name, CONTAINER)?;
    Ok(Plan {
        command: command(container, config, &variables),
        directory: container.working_dir.as_deref().filter(|path| !path.is_empty()).map(PathBuf::from),
        retries: retries(job)?,
        job_deadline,
        attempt_deadline,
        grace: grace.unwrap_or(DEFAULT_GRACE).min(LONGEST_GRACE),
        failure_policy,
        variables,
    })
}

/// Everything that would change what the program does, or how often it is run. What only matters to a cluster, such
/// as resources, probes, node selectors and the service account, is left aside.
fn only_what_is_done_here(job: &JobSpec, pod: &PodSpec, container: &Container) -> Result<(), Refusal> {
    none_of(
        JOB,
        &[
            ("completions", job.completions.is_some_and(|count| count != 1)),
            ("parallelism", job.parallelism.is_some_and(|count| count != 1)),
            ("completionMode", job.completion_mode.as_deref().is_some_and(|mode| mode != "NonIndexed")),
            ("backoffLimitPerIndex", job.backoff_limit_per_index.is_some()),
            ("successPolicy", job.success_policy.is_some()),
            ("suspend", job.suspend == Some(true)),
            ("managedBy", job.managed_by.is_some()),
        ],
    )?;
    none_of(
        POD,
        &[
            ("initContainers", present(pod.init_containers.as_ref())),
            ("containers[1]", pod.containers.len() > 1),
            ("volumes", present(pod.volumes.as_ref())),
        ],
    )?;
    none_of(
        CONTAINER,
        &[
            ("volumeMounts", present(container.volume_mounts.as_ref())),
            ("volumeDevices", present(container.volume_devices.as_ref())),
            ("lifecycle", container.lifecycle.is_some()),
            ("restartPolicy", container.restart_policy.is_some()),
            ("stdin", container.stdin == Some(true)),
            ("tty", container.tty == Some(true)),
        ],
    )
}

fn retries(job: &JobSpec) -> Result<u32, Refusal> {
    match job.backoff_limit {
        None => Ok(DEFAULT_RETRIES),
        Some(limit) => u32::try_from(limit)
            .map_err(|_| Refusal::new(format!("{JOB}.backoffLimit"), "must not be below 0")),
    }
}

/// The program that stands for the image, then the container's arguments. A `command` of the container replaces the
/// image's entrypoint in a cluster, and so the program here: it is run as it stands.
fn command(
    container: &Container,
    config: &LocalConfig,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let image = container.image.as_deref().unwrap_or_default();
    let expanded =
        |words: &[String]| -> Vec<String> { words.iter().map(|word| expand(word, variables)).collect() };
    let mut command = match container.command.as_deref() {
        Some(command) if !command.is_empty() => expanded(command),
        _ => match config.program(image) {
            Some(program) if !program.is_empty() => program.to_vec(),
            _ => {
                return Err(format!(
                    "No local program stands for the image {image:?}, and its container has no command."
                ));
            }
        },
    };
    command.extend(expanded(container.args.as_deref().unwrap_or_default()));
    Ok(command)
}
