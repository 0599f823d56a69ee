//! The `Idempotency-Key` that all attempts of one Job share.
//!
//! Kubernetes starts a new pod when an attempt of a Job fails, and a pod's name ends in five random
//! characters: a key from the pod's whole name would start the work twice. The Job's name is the same for
//! every attempt, and a `CronJob` gives every scheduled time a Job of its own.

use alloc::string::{String, ToString};

use crate::environment::Environment;

/// The longest key a server must take.
const LONGEST: usize = 255;

/// The name of the Job this process belongs to, as far as the environment tells.
pub fn job_name(environment: &Environment<'_>) -> Option<String> {
    let given = |name| environment.get(name).filter(|value| !value.is_empty());
    if let Some(job) = given("JOB_NAME") {
        return Some(job.to_string());
    }
    // Outside a cluster HOSTNAME is a machine's name, which says nothing about a run.
    let pod = given("POD_NAME")
        .or_else(|| given("HOSTNAME").filter(|_| given("KUBERNETES_SERVICE_HOST").is_some()))?;
    let job = without_random_suffix(pod);
    match given("JOB_COMPLETION_INDEX") {
        // The host name of an indexed Job's pod is job-index, its pod name job-index-random. Without the
        // variable a trailing number is the scheduled time of a CronJob's Job and must stay.
        Some(index) => {
            let job = job.unwrap_or(pod);
            let without = job.strip_suffix(index).and_then(|rest| rest.strip_suffix('-'));
            without.map(ToString::to_string)
        }
        None => job.map(ToString::to_string),
    }
}

/// The key to send: of the flag, else the Job's name; none when neither is known. Too long or unprintable
/// names give none.
pub fn key(flag: Option<&str>, environment: &Environment<'_>) -> Option<String> {
    let key = match flag {
        Some(flag) => flag.to_string(),
        None => job_name(environment)?,
    };
    let printable = key.bytes().all(|byte| (b' '..0x7f).contains(&byte) && byte != b'"' && byte != b'\\');
    (!key.is_empty() && key.len() <= LONGEST && printable).then_some(key)
}

/// The pod's name without `-xxxxx`, five characters of the alphabet that Kubernetes draws from.
fn without_random_suffix(pod: &str) -> Option<&str> {
    let (job, suffix) = pod.rsplit_once('-')?;
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
    fn two_scheduled_times_have_two_keys() {
        assert_ne!(key_of(&[("POD_NAME", "n-29384720-x7k2p")]), key_of(&[("POD_NAME", "n-29386160-x7k2p")]));
    }

    #[test]
    fn the_index_of_an_indexed_job_is_left_out() {
        let index = ("JOB_COMPLETION_INDEX", "3");
        assert_eq!(key_of(&[("POD_NAME", "batch-3-x7k2p"), index]).as_deref(), Some("batch"));
        let pod = [("HOSTNAME", "batch-3"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1"), index];
        assert_eq!(key_of(&pod).as_deref(), Some("batch"));
    }

    #[test]
    fn nothing_is_made_up_when_no_job_is_known() {
        assert_eq!(key_of(&[]), None);
        assert_eq!(key_of(&[("HOSTNAME", "nightly-29384720-x7k2p")]), None);
        assert_eq!(key_of(&[("POD_NAME", "laptop")]), None);
        assert_eq!(key_of(&[("POD_NAME", "web-0")]), None);
        assert_eq!(key_of(&[("JOB_NAME", "a\"b")]), None);
    }
}
