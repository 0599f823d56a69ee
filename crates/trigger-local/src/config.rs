//! The settings of the local executor.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// Settings of the local executor.
///
/// ```yaml
/// manifests: deploy/manifests
/// programs:
///   registry.example/trades-sync: target/release/trades-sync
///   registry.example/report:2: [python3, report.py]
/// env:
///   DATABASE_URL: postgres://reader@localhost/trades
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `manifests`")]
pub struct LocalConfig {
    /// A YAML file, or a folder of `*.yaml` and `*.yml` files. Documents other than CronJobs and ConfigMaps are ignored.
    pub manifests: PathBuf,
    /// The local program that replaces an image's entrypoint, by image. A key without a tag and a digest matches every tag
    /// and digest of the image; an exact key takes precedence.
    #[serde(default)]
    pub programs: BTreeMap<String, Program>,
    /// Variables of every run. They override the container's own, and supply the values that `valueFrom` takes from
    /// Secrets in a cluster.
    #[serde(default, deserialize_with = "secrets")]
    pub env: BTreeMap<String, SecretString>,
    /// The delay before the first retry, in milliseconds. It doubles with each retry, up to 30 seconds.
    #[serde(default = "default_retry_after_ms")]
    pub retry_after_ms: u64,
}

/// A program, and arguments that precede the container's own. A program without a slash is searched for in `PATH`. A
/// relative path refers to the working directory of trigger-api, not to the container's `workingDir`.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "ProgramEntry")]
pub struct Program(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "the path of a program, or a list of it and its arguments")]
enum ProgramEntry {
    Path(String),
    Command(Vec<String>),
}

impl From<ProgramEntry> for Program {
    fn from(entry: ProgramEntry) -> Self {
        Self::new(match entry {
            ProgramEntry::Path(path) => vec![path],
            ProgramEntry::Command(command) => command,
        })
    }
}

impl Program {
    /// Creates it from a program and its arguments.
    pub fn new(mut command: Vec<String>) -> Self {
        if let Some(program) = command.first_mut().filter(|program| program.contains('/')) {
            let absolute = std::path::absolute(&*program).ok();
            if let Some(path) = absolute.and_then(|path| path.into_os_string().into_string().ok()) {
                *program = path;
            }
        }
        Self(command)
    }
}

impl LocalConfig {
    /// The default settings for these manifests.
    pub fn new(manifests: impl Into<PathBuf>) -> Self {
        Self {
            manifests: manifests.into(),
            programs: BTreeMap::new(),
            env: BTreeMap::new(),
            retry_after_ms: default_retry_after_ms(),
        }
    }

    /// The program that replaces the entrypoint of an image.
    pub(super) fn program(&self, image: &str) -> Option<&[String]> {
        let program = self.programs.get(image).or_else(|| self.programs.get(repository(image)))?;
        Some(&program.0)
    }

    /// The delay before the first retry.
    pub(super) fn retry_delay(&self) -> Duration {
        Duration::from_millis(self.retry_after_ms)
    }
}

/// The image without its tag and digest. A colon before the last slash belongs to the registry's port.
fn repository(image: &str) -> &str {
    let tagged = image.split_once('@').map_or(image, |(tagged, _digest)| tagged);
    match tagged.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => tagged,
    }
}

fn default_retry_after_ms() -> u64 {
    1000
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, SecretString>, D::Error> {
    let plain = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(plain.into_iter().map(|(name, value)| (name, value.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_image_precedes_the_image_without_tag_and_digest() {
        let config: LocalConfig = serde_saphyr::from_str(
            "manifests: jobs.yaml\n\
             programs:\n  'registry:5000/sync': /bin/any\n  'registry:5000/sync:2': [/bin/two, --fast]\n",
        )
        .unwrap();
        for (image, program) in [
            ("registry:5000/sync", Some("/bin/any")),
            ("registry:5000/sync:1", Some("/bin/any")),
            ("registry:5000/sync@sha256:ab", Some("/bin/any")),
            ("registry:5000/sync:2@sha256:ab", Some("/bin/any")),
            ("registry:5000/sync:2", Some("/bin/two --fast")),
            ("registry:5000/other", None),
            ("sync", None),
        ] {
            assert_eq!(config.program(image).map(|command| command.join(" ")).as_deref(), program, "{image}");
        }
    }

    #[test]
    fn unknown_settings_are_rejected_and_values_of_variables_are_not_printed() {
        let misspelled = serde_saphyr::from_str::<LocalConfig>("manifests: jobs.yaml\nprogramms: {}\n");
        assert!(misspelled.unwrap_err().to_string().contains("programms"));
        let config: LocalConfig =
            serde_saphyr::from_str("manifests: jobs.yaml\nenv: {PASSWORD: hunter2}\n").unwrap();
        assert_eq!(config.retry_delay(), Duration::from_secs(1));
        let printed = format!("{config:?}");
        assert!(printed.contains("PASSWORD") && !printed.contains("hunter2"), "{printed}");
    }
}
