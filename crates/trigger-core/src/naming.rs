//! The names of Jobs and of runs of tasks.
//!
//! A name is a prefix, `<cronjob>-` by default, and ten characters: a CronJob's name has at most 52 characters, and a Job's
//! name 63. The name decides races between requests, because the cluster creates only one Job of a name. The name of a Job with an
//! idempotency key is derived from the key, and the name of a Job that must not overlap with others is derived from the
//! Jobs before it. That requires no lock, and no permission except `create`.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::cronjob::CronJobTarget;
use super::run::RunId;
use super::target_name::TargetName;

const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SUFFIX_LENGTH: usize = 10;
/// The maximum length of the prefix of a Job's name.
pub const MAX_PREFIX_LENGTH: usize = 63 - SUFFIX_LENGTH;

/// The name for a request with an idempotency key. The same caller, target and key have the same name.
pub fn keyed(target: &CronJobTarget, caller: &str, key: &str) -> String {
    format!("{}{}", target.job_prefix, hashed(&target.cronjob, &target.namespace, &["key", caller, key]))
}

/// The name of the Job after those of a generation. Replicas that observed the same Jobs choose the same name.
pub fn successor(target: &CronJobTarget, generation: &str) -> String {
    format!("{}{}", target.job_prefix, hashed(&target.cronjob, &target.namespace, &["after", generation]))
}

/// A random name.
pub fn unique(target: &CronJobTarget) -> String {
    format!("{}{}", target.job_prefix, suffix(&random()))
}

/// The name of a run of a task. With an idempotency key, the same caller, target and key have the same name; without a
/// key, the name is random.
pub fn of_task(target: &TargetName, caller: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{target}-{}", hashed(target.as_str(), "", &["key", caller, key])),
        None => format!("{target}-{}", suffix(&random())),
    }
}

/// The id of a run of a task: the time in UTC and six random characters.
pub fn task_run_id(now: Timestamp) -> RunId {
    let unique: String = suffix(&random()).chars().take(6).collect();
    RunId::new(format!("run_{}_{unique}", now.strftime("%Y%m%d_%H%M%S")))
}

fn random() -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(2 * SUFFIX_LENGTH).collect()
}

fn hashed(base: &str, namespace: &str, parts: &[&str]) -> String {
    suffix(&digest([namespace, base].iter().chain(parts).copied()))
}

/// SHA-256 of the parts and their lengths. The lengths make the encoding of a list of parts unambiguous.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Ten characters from at least twenty bytes; the first one is a letter.
fn suffix(bytes: &[u8]) -> String {
    let pairs = bytes.chunks_exact(2).take(SUFFIX_LENGTH).enumerate();
    let characters = pairs.map(|(index, pair)| {
        let number = usize::from(u16::from_be_bytes([pair[0], pair[1]]));
        let alphabet: &[u8] = if index == 0 { LETTERS } else { LETTERS_AND_DIGITS };
        char::from(alphabet[number % alphabet.len()])
    });
    characters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(cronjob: &str) -> CronJobTarget {
        CronJobTarget {
            name: "sync".parse().unwrap(),
            namespace: "trading".to_owned(),
            cronjob: cronjob.to_owned(),
            allow_suspended: false,
            job_prefix: format!("{cronjob}-"),
        }
    }

    #[test]
    fn names_are_valid_job_names_with_a_letter_first_after_the_cronjob() {
        let longest = "c".repeat(52);
        for name in [
            keyed(&target(&longest), "caller", "key"),
            successor(&target(&longest), ""),
            unique(&target(&longest)),
        ] {
            assert_eq!(name.len(), 63);
            let suffix = name.strip_prefix(&format!("{longest}-")).unwrap();
            assert!(suffix.starts_with(|first: char| first.is_ascii_lowercase()), "{suffix}");
            assert!(
                suffix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
                "{suffix}"
            );
        }
    }

    #[test]
    fn a_prefix_changes_only_the_beginning_of_a_name() {
        let renamed = CronJobTarget { job_prefix: "sync-manual-".to_owned(), ..target("sync") };
        for (name, default) in [
            (keyed(&renamed, "caller", "key"), keyed(&target("sync"), "caller", "key")),
            (successor(&renamed, "abc"), successor(&target("sync"), "abc")),
        ] {
            assert_eq!(name.strip_prefix("sync-manual-"), default.strip_prefix("sync-"));
        }
        assert!(unique(&renamed).starts_with("sync-manual-"));
    }

    #[test]
    fn a_name_depends_on_every_part_and_on_the_boundaries_of_the_parts() {
        let sync = target("sync");
        let names = [
            keyed(&sync, "ab", "c"),
            keyed(&sync, "a", "bc"),
            keyed(&sync, "ab", "d"),
            keyed(&target("other"), "ab", "c"),
            successor(&sync, "abc"),
            successor(&sync, "abd"),
        ];
        let different: std::collections::HashSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(keyed(&sync, "ab", "c"), names[0]);
        assert_ne!(unique(&sync), unique(&sync));
    }

    #[test]
    fn the_id_of_a_run_of_a_task_has_its_time_and_is_unique_within_a_second() {
        let now = "2025-11-23T01:00:00.9Z".parse().unwrap();
        let (one, two) = (task_run_id(now), task_run_id(now));
        assert_ne!(one, two);
        assert!(one.as_str().starts_with("run_20251123_010000_"), "{one}");
        assert_eq!(one.as_str().len(), "run_YYYYMMDD_HHMMSS_".len() + 6);
        let analysis: TargetName = "portfolio-analysis".parse().unwrap();
        assert_eq!(of_task(&analysis, "a", Some("k")), of_task(&analysis, "a", Some("k")));
        assert_ne!(of_task(&analysis, "a", Some("k")), of_task(&analysis, "b", Some("k")));
        assert_ne!(of_task(&analysis, "a", None), of_task(&analysis, "a", None));
    }
}
