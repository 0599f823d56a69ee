//! Reads the template of a CronJob's Jobs. A field that is not supported is an error rather than ignored, so that a
//! successful run has done what it would do in a cluster.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::batch::v1::JobSpec;
use k8s_openapi::api::core::v1::Container;

use super::config::LocalConfig;
use super::expand::expand;
use super::failure_policy::FailurePolicy;
use super::field_error::FieldError;
use super::fields::{CONTAINER, JOB, POD, reject_unsupported, seconds};
use super::manifest::Manifest;
use super::variables::{self, PlannedJob};

/// The maximum of `terminationGracePeriodSeconds`. A cancel request waits for the grace period.
const MAX_GRACE_PERIOD: Duration = Duration::from_secs(10);
/// Kubernetes' default of `terminationGracePeriodSeconds`.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_secs(30);
/// Kubernetes' default of `backoffLimit`.
const DEFAULT_BACKOFF_LIMIT: u32 = 6;

/// How to execute a Job.
pub(super) struct Plan {
    /// The name of the container.
    pub(super) container: String,
    /// The program and its arguments, or a message for users: why there is no program.
    pub(super) command: Result<Vec<String>, String>,
    /// The container's variables, and those of the settings.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) working_dir: Option<PathBuf>,
    /// The number of failed attempts that are retried.
    pub(super) max_retries: u32,
    /// The time limit of all attempts together.
    pub(super) job_deadline: Option<Duration>,
    /// The time limit of each attempt.
    pub(super) attempt_deadline: Option<Duration>,
    pub(super) grace_period: Duration,
    pub(super) failure_policy: FailurePolicy,
}

impl Plan {
    /// Reads the template of a CronJob.
    pub(super) fn new(
        manifest: &Manifest,
        config: &LocalConfig,
        job: &PlannedJob<'_>,
    ) -> Result<Self, FieldError> {
        read(manifest, config, job).map_err(|error| error.in_document(&manifest.origin))
    }
}

fn read(manifest: &Manifest, config: &LocalConfig, name: &PlannedJob<'_>) -> Result<Plan, FieldError> {
    let missing = |field| FieldError::new(field, "is missing");
    let job = manifest.cronjob.spec.job_template.spec.as_ref().ok_or_else(|| missing(JOB.to_owned()))?;
    let pod = job.template.spec.as_ref().ok_or_else(|| missing(POD.to_owned()))?;
    let container = pod.containers.first().ok_or_else(|| missing(format!("{POD}.containers")))?;
    reject_unsupported(job, pod, container)?;
    let restarts_in_place = match pod.restart_policy.as_deref() {
        Some("OnFailure") => true,
        Some("Never") => false,
        _ => return Err(FieldError::new(format!("{POD}.restartPolicy"), "must be OnFailure or Never")),
    };
    let failure_policy = match &job.pod_failure_policy {
        Some(_) if restarts_in_place => {
            return Err(FieldError::new(
                format!("{JOB}.podFailurePolicy"),
                "requires restartPolicy Never, as in a cluster",
            ));
        }
        Some(policy) => FailurePolicy::new(&policy.rules, &container.name).map_err(|(field, problem)| {
            FieldError::new(format!("{JOB}.podFailurePolicy.{field}"), problem)
        })?,
        None => FailurePolicy::default(),
    };
    let job_deadline = seconds(job.active_deadline_seconds, JOB, "activeDeadlineSeconds")?;
    let pod_deadline = seconds(pod.active_deadline_seconds, POD, "activeDeadlineSeconds")?;
    // With OnFailure, one pod restarts its container, so its deadline covers all attempts. With Never, each attempt is a
    // pod of its own.
    let (job_deadline, attempt_deadline) = if restarts_in_place {
        (job_deadline.into_iter().chain(pod_deadline).min(), None)
    } else {
        (job_deadline, pod_deadline)
    };
    let grace_period = seconds(pod.termination_grace_period_seconds, POD, "terminationGracePeriodSeconds")?;
    let variables = variables::read(container, &config.env, &manifest.config_maps, name, CONTAINER)?;
    Ok(Plan {
        container: container.name.clone(),
        command: command(container, config, &variables),
        working_dir: container.working_dir.as_deref().filter(|path| !path.is_empty()).map(PathBuf::from),
        max_retries: backoff_limit(job)?,
        job_deadline,
        attempt_deadline,
        grace_period: grace_period.unwrap_or(DEFAULT_GRACE_PERIOD).min(MAX_GRACE_PERIOD),
        failure_policy,
        variables,
    })
}

fn backoff_limit(job: &JobSpec) -> Result<u32, FieldError> {
    match job.backoff_limit {
        None => Ok(DEFAULT_BACKOFF_LIMIT),
        Some(limit) => u32::try_from(limit)
            .map_err(|_| FieldError::new(format!("{JOB}.backoffLimit"), "must not be negative")),
    }
}

/// The container's `command`, or the program that the settings name for its image; then its `args`. As in a cluster, a
/// `command` takes precedence over the image's entrypoint.
fn command(
    container: &Container,
    config: &LocalConfig,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<String>, String> {
    let image = container.image.as_deref().unwrap_or_default();
    let expanded =
        |texts: &[String]| -> Vec<String> { texts.iter().map(|text| expand(text, variables)).collect() };
    let mut command = match container.command.as_deref() {
        Some(command) if !command.is_empty() => expanded(command),
        _ => match config.program(image) {
            Some(program) if !program.is_empty() => program.to_vec(),
            _ => {
                return Err(format!(
                    "No local program is configured for the image {image:?}, and the container has no command."
                ));
            }
        },
    };
    command.extend(expanded(container.args.as_deref().unwrap_or_default()));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigger_core::parameters::Parameters;

    use super::*;
    use crate::config::Program;
    use crate::manifest::ConfigMaps;

    /// A CronJob with these fields of the Job, the pod and the container.
    fn plan(job: &Value, pod: &Value, container: &Value) -> Result<Plan, FieldError> {
        let merge = |mut base: Value, fields: &Value| {
            let fields = fields.as_object().expect("an object").clone();
            base.as_object_mut().expect("an object").extend(fields);
            base
        };
        let container = merge(json!({ "name": "main", "image": "registry.local/sync:1" }), container);
        let pod = merge(json!({ "restartPolicy": "Never", "containers": [container] }), pod);
        let job = merge(json!({ "template": { "spec": pod } }), job);
        let cronjob = json!({ "spec": { "schedule": "", "jobTemplate": { "spec": job } } });
        let manifest = Manifest::new("jobs.yaml".to_owned(), cronjob, ConfigMaps::new()).unwrap();
        let mut config = LocalConfig::new("jobs.yaml");
        let program = Program::new(vec!["sync".to_owned(), "--local".to_owned()]);
        config.programs.insert("registry.local/sync".to_owned(), program);
        let parameters = Parameters::new();
        read(
            &manifest,
            &config,
            &PlannedJob { namespace: "trading", name: "sync-1", parameters: &parameters },
        )
    }

    fn error_field(plan: Result<Plan, FieldError>) -> Option<String> {
        plan.err().map(|error| error.field)
    }

    #[test]
    fn a_command_takes_precedence_over_the_program_for_the_image() {
        let unknown_image =
            "No local program is configured for the image \"other\", and the container has no command.";
        for (container, expected) in [
            (json!({}), Ok("sync --local")),
            (json!({ "args": ["run", "$(DAY)"] }), Ok("sync --local run 2026-02-11")),
            (json!({ "command": ["/bin/sh", "$(DAY)"], "args": ["-c"] }), Ok("/bin/sh 2026-02-11 -c")),
            (json!({ "command": [], "args": ["run"] }), Ok("sync --local run")),
            (json!({ "image": "other", "command": ["true"] }), Ok("true")),
            (json!({ "image": "other", "args": ["run"] }), Err(unknown_image)),
        ] {
            let mut container = container;
            container["env"] = json!([{ "name": "DAY", "value": "2026-02-11" }]);
            let command = plan(&json!({}), &json!({}), &container).unwrap().command;
            let command = command.map(|command| command.join(" "));
            assert_eq!(command.as_deref().map_err(String::as_str), expected, "{container}");
        }
    }

    #[test]
    fn the_deadline_of_the_pod_covers_all_attempts_when_the_pod_restarts_its_container() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (restart_policy, job, pod, expected) in [
            ("Never", Some(60), Some(10), (seconds(60), seconds(10))),
            ("Never", None, Some(10), (None, seconds(10))),
            ("Never", Some(60), None, (seconds(60), None)),
            ("OnFailure", Some(60), Some(10), (seconds(10), None)),
            ("OnFailure", Some(5), Some(10), (seconds(5), None)),
            ("OnFailure", None, Some(10), (seconds(10), None)),
            ("OnFailure", None, None, (None, None)),
        ] {
            let pod = json!({ "restartPolicy": restart_policy, "activeDeadlineSeconds": pod });
            let plan = plan(&json!({ "activeDeadlineSeconds": job }), &pod, &json!({})).unwrap();
            assert_eq!((plan.job_deadline, plan.attempt_deadline), expected, "{job:?} {pod}");
        }
    }

    #[test]
    fn retries_and_the_grace_period_have_defaults_and_the_grace_period_a_maximum() {
        for (limit, retries) in [(Value::Null, 6), (json!(0), 0), (json!(3), 3)] {
            let plan = plan(&json!({ "backoffLimit": limit }), &json!({}), &json!({})).unwrap();
            assert_eq!(plan.max_retries, retries, "{limit}");
        }
        for (written, seconds) in [(Value::Null, 10), (json!(0), 0), (json!(3), 3), (json!(600), 10)] {
            let pod = json!({ "terminationGracePeriodSeconds": written });
            let plan = plan(&json!({}), &pod, &json!({})).unwrap();
            assert_eq!(plan.grace_period, Duration::from_secs(seconds), "{written}");
        }
        for (written, expected) in [(Value::Null, None), (json!(""), None), (json!("/srv"), Some("/srv"))] {
            let plan = plan(&json!({}), &json!({}), &json!({ "workingDir": written })).unwrap();
            assert_eq!(plan.working_dir, expected.map(PathBuf::from), "{written}");
        }
    }

    #[test]
    fn a_required_or_invalid_field_is_named() {
        let none = json!({});
        for (job, pod, field) in [
            (none.clone(), json!({ "containers": [] }), "template.spec.containers"),
            (none.clone(), json!({ "restartPolicy": null }), "template.spec.restartPolicy"),
            (none.clone(), json!({ "activeDeadlineSeconds": -1 }), "template.spec.activeDeadlineSeconds"),
            (json!({ "template": {} }), none.clone(), "template.spec"),
            (json!({ "activeDeadlineSeconds": -1 }), none.clone(), "activeDeadlineSeconds"),
            (json!({ "backoffLimit": -1 }), none.clone(), "backoffLimit"),
        ] {
            let expected = Some(format!("{JOB}.{field}"));
            assert_eq!(error_field(plan(&job, &pod, &none)), expected);
        }
    }

    #[test]
    fn a_pod_failure_policy_requires_a_pod_for_each_attempt() {
        let rule = json!({ "action": "FailJob", "onExitCodes": { "operator": "In", "values": [3] } });
        let job = json!({ "podFailurePolicy": { "rules": [rule] } });
        assert!(plan(&job, &json!({}), &json!({})).is_ok());
        let refused = plan(&job, &json!({ "restartPolicy": "OnFailure" }), &json!({}));
        assert_eq!(error_field(refused).unwrap(), format!("{JOB}.podFailurePolicy"));
    }
}
