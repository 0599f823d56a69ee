//! The names of the Jobs that are made here, and of the runs of tasks.
//!
//! A name is `<cronjob>-` and ten characters: a CronJob's name has at most 52 characters and a Job's 63. The name
//! decides who wins when several ask at once: the cluster creates a Job of one name only once. So a request with
//! an idempotency key is named after the key, and one that must not overlap with others is named after the Jobs
//! that were there before it; no lock and no permission beyond `create` is needed.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::run::RunId;
use super::target::{Target, TargetName};

const LETTERS: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const SUFFIX_LENGTH: usize = 10;

/// The name for a request with an idempotency key: the same caller, target and key give the same name.
pub fn keyed(target: &Target, caller: &str, key: &str) -> String {
    named(&target.cronjob, &target.namespace, &["key", caller, key])
}

/// The name of the Job that follows those of `mark`: whoever saw the same Jobs gives the same name.
pub fn successor(target: &Target, mark: &str) -> String {
    named(&target.cronjob, &target.namespace, &["after", mark])
}

/// A name that no other request has.
pub fn unique(target: &Target) -> String {
    format!("{}-{}", target.cronjob, suffix(&random()))
}

/// The name of a run of a task: with an idempotency key the same caller, target and key give the same name, without one
/// no other run has it.
pub fn of_task(target: &TargetName, caller: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => named(target.as_str(), "", &["key", caller, key]),
        None => format!("{target}-{}", suffix(&random())),
    }
}

/// The id of a run of a task that was asked for now: the time in UTC, and what makes it unique.
pub fn task_run_id(now: Timestamp) -> RunId {
    let unique: String = suffix(&random()).chars().take(6).collect();
    RunId::new(format!("run_{}_{unique}", now.strftime("%Y%m%d_%H%M%S")))
}

fn random() -> Vec<u8> {
    std::iter::repeat_with(|| fastrand::u8(..)).take(2 * SUFFIX_LENGTH).collect()
}

fn named(base: &str, namespace: &str, parts: &[&str]) -> String {
    let digest = digest([namespace, base].iter().chain(parts).copied());
    format!("{base}-{}", suffix(&digest))
}

/// SHA-256 over the parts and their lengths, so that no two lists of parts are the same bytes.
pub(super) fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Ten characters out of at least twenty bytes, the first of them a letter.
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

    fn target(cronjob: &str) -> Target {
        Target {
            name: "sync".parse().unwrap(),
            namespace: "trading".to_owned(),
            cronjob: cronjob.to_owned(),
            allow_suspended: false,
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
    fn a_name_depends_on_every_part_and_on_where_the_parts_end() {
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
    fn a_run_of_a_task_tells_when_it_was_asked_for_and_is_unique_within_the_second() {
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
