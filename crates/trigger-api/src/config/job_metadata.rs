//! The labels that Jobs have in addition to those of their template, and the format of their names.

use std::collections::BTreeMap;

use common::config::{ConfigError, Settings};
use trigger_core::naming::MAX_PREFIX_LENGTH;
use trigger_core::target_name::is_dns_label;

/// Labels that the Job controller sets and selects pods by.
const RESERVED: [&str; 2] = ["controller-uid", "job-name"];
/// The prefix of more such labels.
const RESERVED_PREFIX: &str = "batch.kubernetes.io/";
const MAX_NAME_LENGTH: usize = 63;
const MAX_LABEL_PREFIX_LENGTH: usize = 253;

/// Reads `JOB_LABELS`: `key=value` pairs, separated by commas.
pub(super) fn labels(settings: &Settings) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = settings.text("JOB_LABELS").unwrap_or_default();
    parse_labels(&text).map_err(|problem| ConfigError::variable("JOB_LABELS", problem))
}

fn parse_labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not key=value"))?;
        let (key, value) = (key.trim(), value.trim());
        if RESERVED.contains(&key) || key.starts_with(RESERVED_PREFIX) {
            return Err(format!("{key} is a label that Kubernetes sets for each Job"));
        }
        if !is_label_key(key) {
            return Err(format!("{key:?} is not the key of a label"));
        }
        if !value.is_empty() && !is_label_name(value) {
            return Err(format!("{value:?} is not the value of a label"));
        }
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{key} occurs twice"));
        }
    }
    Ok(labels)
}

fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => {
            prefix.len() <= MAX_LABEL_PREFIX_LENGTH
                && prefix.split('.').all(is_dns_label)
                && is_label_name(name)
        }
        None => is_label_name(key),
    }
}

/// The name of a label's key, or its value: letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_label_name(name: &str) -> bool {
    let is_alphanumeric = |character: char| character.is_ascii_alphanumeric();
    name.len() <= MAX_NAME_LENGTH
        && name.starts_with(is_alphanumeric)
        && name.ends_with(is_alphanumeric)
        && name.chars().all(|character| is_alphanumeric(character) || "-_.".contains(character))
}

/// The part of a Job's name before the ten characters that identify it.
pub(super) struct JobNameFormat {
    before: String,
    /// None if the names do not contain that of the CronJob.
    after: Option<String>,
}

impl JobNameFormat {
    /// Reads `JOB_NAME_FORMAT`.
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let text = settings.text_or_default("JOB_NAME_FORMAT");
        Self::parse(&text).map_err(|problem| ConfigError::variable("JOB_NAME_FORMAT", problem))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let prefix = text.strip_suffix("{id}").filter(|prefix| prefix.ends_with('-'));
        let prefix = prefix.ok_or_else(|| {
            format!("{text:?} does not end in -{{id}}, which is what distinguishes the names of Jobs")
        })?;
        let (before, after) = match prefix.split_once("{cronjob}") {
            Some((before, after)) => (before, Some(after)),
            None => (prefix, None),
        };
        let example = format!("{before}{}a", after.map_or(String::new(), |after| format!("a{after}")));
        if !example.split('.').all(is_dns_label) {
            return Err(format!(
                "{text:?} is not a name of {{cronjob}}, {{id}}, lower-case letters, digits, \"-\" and \".\""
            ));
        }
        Ok(Self { before: before.to_owned(), after: after.map(str::to_owned) })
    }

    /// The prefix of the names of that CronJob's Jobs.
    pub(super) fn prefix(&self, cronjob: &str) -> Result<String, ConfigError> {
        let prefix = match &self.after {
            Some(after) => format!("{}{cronjob}{after}", self.before),
            None => self.before.clone(),
        };
        if prefix.len() > MAX_PREFIX_LENGTH {
            let problem = format!(
                "the names of the Jobs of {cronjob} would have more than {MAX_NAME_LENGTH} characters; use a shorter format"
            );
            return Err(ConfigError::variable("JOB_NAME_FORMAT", problem));
        }
        Ok(prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_that_are_valid_in_kubernetes() {
        let labels = parse_labels(" job-origin=manual, example.com/Team=trading_1,empty= ,").unwrap();
        let expected = [("empty", ""), ("example.com/Team", "trading_1"), ("job-origin", "manual")];
        assert!(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(expected));
        assert!(parse_labels("").unwrap().is_empty());
        assert!(parse_labels(&format!("a={}", "v".repeat(63))).is_ok());
    }

    #[test]
    fn a_label_that_is_not_valid_or_set_by_kubernetes_is_an_error() {
        let long = format!("a={}", "v".repeat(64));
        for text in [
            "manual",
            "=manual",
            "a b=c",
            "-a=b",
            "a=b c",
            "a=-b",
            "a=b=c",
            "x/y/z=a",
            "Ex.com/a=b",
            "/a=b",
            "a=1,a=2",
            "job-name=a",
            "controller-uid=a",
            "batch.kubernetes.io/job-name=a",
            &long,
        ] {
            assert!(parse_labels(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_format_gives_the_prefix_of_names() {
        for (format, prefix) in [
            ("{cronjob}-{id}", "sync-"),
            ("{cronjob}-manual-{id}", "sync-manual-"),
            ("manual-{cronjob}-{id}", "manual-sync-"),
            ("portfolio-manual-{id}", "portfolio-manual-"),
        ] {
            assert_eq!(JobNameFormat::parse(format).unwrap().prefix("sync").unwrap(), prefix, "{format}");
        }
    }

    #[test]
    fn a_format_without_an_id_or_with_other_characters_is_an_error() {
        for format in [
            "",
            "{id}",
            "{cronjob}{id}",
            "{cronjob}-{id}-x",
            "{cronjob}",
            "{name}-{id}",
            "-{cronjob}-{id}",
            "A-{id}",
            "{cronjob}-{cronjob}-{id}",
            "{cronjob}.-{id}",
            "a_b-{id}",
        ] {
            assert!(JobNameFormat::parse(format).is_err(), "{format}");
        }
    }

    #[test]
    fn a_name_that_would_be_too_long_is_an_error() {
        let format = JobNameFormat::parse("{cronjob}-manual-{id}").unwrap();
        assert!(format.prefix(&"c".repeat(45)).is_ok());
        assert!(format.prefix(&"c".repeat(46)).is_err());
        assert!(JobNameFormat::parse("{cronjob}-{id}").unwrap().prefix(&"c".repeat(52)).is_ok());
    }
}
