//! The `Idempotency-Key`, which is the same for all attempts of a Job.
//!
//! Kubernetes starts a new pod when an attempt of a Job fails, and a pod's name ends in five random characters: with
//! the whole pod name as the key, a retry would start a second run. The Job's name is the same for every attempt,
//! and a `CronJob` creates one Job per scheduled time.

use alloc::string::{String, ToString};

use crate::{environment::Environment, text::split_last};

/// The maximum length of a key, in bytes.
const MAX_KEY_LENGTH: usize = 255;

/// The name of the Job of this process, if the environment has it.
pub fn job_name(environment: &Environment<'_>) -> Option<String> {
    let given = |name| environment.get(name).filter(|value| !value.is_empty());
    if let Some(job) = given("JOB_NAME") {
        return Some(job.to_string());
    }
    // Outside a cluster HOSTNAME is the name of the machine, not of a pod.
    let pod = given("POD_NAME")
        .or_else(|| given("HOSTNAME").filter(|_| given("KUBERNETES_SERVICE_HOST").is_some()))?;
    let job = without_random_suffix(pod);
    match given("JOB_COMPLETION_INDEX") {
        // In an indexed Job, the host name of a pod is job-index, and the pod name is job-index-random. In other
        // Jobs, a trailing number is the scheduled time and belongs to the Job's name.
        Some(index) => {
            let job = job.unwrap_or(pod);
            let without = job.strip_suffix(index).and_then(|rest| rest.strip_suffix('-'));
            without.map(ToString::to_string)
        }
        None => job.map(ToString::to_string),
    }
}

/// The key to send: the value of `--idempotency-key`, else the Job's name. `None` if both are missing, and if the key
/// is empty, too long or has invalid characters.
pub fn key(flag: Option<&str>, environment: &Environment<'_>) -> Option<String> {
    let key = match flag {
        Some(flag) => flag.to_string(),
        None => job_name(environment)?,
    };
    let printable = key.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\');
    (!key.is_empty() && key.len() <= MAX_KEY_LENGTH && printable).then_some(key)
}

/// The pod's name without `-xxxxx`, five characters of the alphabet that Kubernetes uses for random names.
fn without_random_suffix(pod: &str) -> Option<&str> {
    let (job, suffix) = split_last(pod, b'-')?;
    let random =
        suffix.len() == 5 && suffix.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz2456789".contains(&byte));
    (random && !job.is_empty()).then_some(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(variables: &[(&str, &str)]) -> Option<String> {
        key(None, &Environment::new(variables))
    }

    #[test]
    fn every_attempt_of_a_job_has_the_same_key() {
        let first = key_of(&[("POD_NAME", "nightly-29384720-x7k2p")]);
        assert_eq!(first.as_deref(), Some("nightly-29384720"));
        assert_eq!(key_of(&[("POD_NAME", "nightly-29384720-b9zzq")]), first);
        assert_eq!(
            key_of(&[("JOB_NAME", "nightly-29384720"), ("POD_NAME", "nightly-29384720-qqqqq")]),
            first
        );
        let pod = [("HOSTNAME", "nightly-29384720-x7k2p"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
        assert_eq!(key_of(&pod), first);
    }

    #[test]
    fn two_scheduled_times_have_different_keys() {
        assert_ne!(key_of(&[("POD_NAME", "n-29384720-x7k2p")]), key_of(&[("POD_NAME", "n-29386160-x7k2p")]));
    }

    #[test]
    fn the_index_of_an_indexed_job_is_not_part_of_the_key() {
        let index = ("JOB_COMPLETION_INDEX", "3");
        assert_eq!(key_of(&[("POD_NAME", "batch-3-x7k2p"), index]).as_deref(), Some("batch"));
        let pod = [("HOSTNAME", "batch-3"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1"), index];
        assert_eq!(key_of(&pod).as_deref(), Some("batch"));
    }

    #[test]
    fn there_is_no_key_without_a_job() {
        assert_eq!(key_of(&[]), None);
        assert_eq!(key_of(&[("HOSTNAME", "nightly-29384720-x7k2p")]), None);
        assert_eq!(key_of(&[("POD_NAME", "laptop")]), None);
        assert_eq!(key_of(&[("POD_NAME", "web-0")]), None);
        assert_eq!(key_of(&[("JOB_NAME", "a\"b")]), None);
    }
}
