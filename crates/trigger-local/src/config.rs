//! What the local executor is told: where the YAML is, and which program stands for which image.

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
#[serde(deny_unknown_fields)]
pub struct LocalConfig {
    /// A YAML file, or a folder of `*.yaml` and `*.yml` files, with the CronJobs among whatever else.
    pub manifests: PathBuf,
    /// The local program that stands for an image; images without a tag or digest stand for all of theirs.
    #[serde(default)]
    pub programs: BTreeMap<String, Program>,
    /// Variables for every run. They win over the container's own, and are the only values that `valueFrom` can have.
    #[serde(default, deserialize_with = "secrets")]
    pub env: BTreeMap<String, SecretString>,
    /// How long the first retry waits, in milliseconds. Each further one waits twice as long, at most 30 seconds.
    #[serde(default = "one_second")]
    pub retry_after_ms: u64,
}

/// A program, and arguments that come before the container's own. A program without a slash is searched on the `PATH`; a
/// relative one is below the folder that the API runs in, wherever the container's `workingDir` is.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "ProgramText")]
pub struct Program(Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum ProgramText {
    Path(String),
    Command(Vec<String>),
}

impl From<ProgramText> for Program {
    fn from(text: ProgramText) -> Self {
        Self::new(match text {
            ProgramText::Path(path) => vec![path],
            ProgramText::Command(command) => command,
        })
    }
}

impl Program {
    /// That program and those arguments.
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
    /// The settings for these manifests, with nothing else set.
    pub fn new(manifests: impl Into<PathBuf>) -> Self {
        Self {
            manifests: manifests.into(),
            programs: BTreeMap::new(),
            env: BTreeMap::new(),
            retry_after_ms: one_second(),
        }
    }

    /// What stands for the image's entrypoint: the entry of exactly that image, or of the image without its tag and digest.
    pub(super) fn program(&self, image: &str) -> Option<&[String]> {
        let program = self.programs.get(image).or_else(|| self.programs.get(repository(image)))?;
        Some(&program.0)
    }

    pub(super) fn retry_after(&self) -> Duration {
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

fn one_second() -> u64 {
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
    fn an_image_is_found_exactly_first_and_then_without_tag_and_digest() {
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
            assert_eq!(config.program(image).map(|words| words.join(" ")).as_deref(), program, "{image}");
        }
    }

    #[test]
    fn unknown_settings_are_refused_and_values_of_variables_are_not_printed() {
        let misspelt = serde_saphyr::from_str::<LocalConfig>("manifests: jobs.yaml\nprogramms: {}\n");
        assert!(misspelt.unwrap_err().to_string().contains("programms"));
        let config: LocalConfig =
            serde_saphyr::from_str("manifests: jobs.yaml\nenv: {PASSWORD: geheim}\n").unwrap();
        assert_eq!(config.retry_after(), Duration::from_secs(1));
        let printed = format!("{config:?}");
        assert!(printed.contains("PASSWORD") && !printed.contains("geheim"), "{printed}");
    }
}
