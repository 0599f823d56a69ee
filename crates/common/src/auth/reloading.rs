//! A value that is read again when its file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::config::{ConfigError, SecretSource, Settings, input_file};

/// The minimum time between two checks of a file.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Parses the text of a file. The error describes what is wrong, and contains no part of the text.
pub(super) type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// A value from a setting, or from a file that may change while the program runs.
pub(super) enum Reloading<T> {
    Fixed(Arc<T>),
    File(ReloadedFile<T>),
}

/// A value from a file, which is checked on use, at most once a second.
///
/// Each check reads the file, because two writes within one clock tick can have the same modification time. Such files are
/// small and mounted in memory. Opening the file follows the symlink that Kubernetes swaps.
pub(super) struct ReloadedFile<T> {
    variable: String,
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<FileState<T>>,
}

struct FileState<T> {
    value: Arc<T>,
    /// The digest of the file's text, which is enough to detect a change without keeping the secret.
    digest: [u8; 32],
    checked: Instant,
    /// Whether the last check failed, so that the failure is logged once and not every second.
    failing: bool,
}

impl<T> Reloading<T> {
    /// The value of a secret, from the variable `name` or the file that `NAME_FILE` names.
    pub(super) fn secret(
        settings: &Settings,
        name: &str,
        parse: Parse<T>,
    ) -> Result<Option<Self>, ConfigError> {
        match settings.secret_source(name)? {
            None => Ok(None),
            Some(SecretSource::Value(text)) => {
                let value =
                    parse(text.expose_secret()).map_err(|problem| ConfigError::variable(name, problem))?;
                Ok(Some(Self::Fixed(Arc::new(value))))
            }
            Some(SecretSource::File { variable, path }) => Self::file(&variable, path, parse).map(Some),
        }
    }

    /// The value of the file that `variable` names. The file must be valid at startup.
    pub(super) fn file(variable: &str, path: PathBuf, parse: Parse<T>) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::variable(variable, format!("{}: {problem}", path.display()));
        let text = read(&path).map_err(|error| problem(error.to_string()))?;
        let value = parse(text.expose_secret()).map_err(|text| problem(text.to_owned()))?;
        let state = FileState {
            value: Arc::new(value),
            digest: digest(&text),
            checked: Instant::now(),
            failing: false,
        };
        Ok(Self::File(ReloadedFile { variable: variable.to_owned(), path, parse, state: Mutex::new(state) }))
    }

    /// The current value, or the last valid one when the file can't be used.
    pub(super) fn get(&self) -> Arc<T> {
        match self {
            Self::Fixed(value) => Arc::clone(value),
            Self::File(file) => file.get(),
        }
    }
}

impl<T> ReloadedFile<T> {
    fn get(&self) -> Arc<T> {
        let mut state = self.state.lock().expect("no code panics while it holds the lock");
        if state.checked.elapsed() >= CHECK_INTERVAL {
            state.checked = Instant::now();
            self.check(&mut state);
        }
        Arc::clone(&state.value)
    }

    fn check(&self, state: &mut FileState<T>) {
        let path = self.path.display();
        match self.reload(state) {
            Ok(changed) => {
                if changed || state.failing {
                    tracing::info!(variable = self.variable, %path, changed, "the file was reloaded");
                }
                state.failing = false;
            }
            Err(problem) => {
                if !state.failing {
                    tracing::warn!(
                        variable = self.variable, %path, problem,
                        "the file can't be used; its last valid content stays in use"
                    );
                }
                state.failing = true;
            }
        }
    }

    /// Reads the file; true when its content has changed.
    fn reload(&self, state: &mut FileState<T>) -> Result<bool, String> {
        let text = read(&self.path).map_err(|error| error.to_string())?;
        let digest = digest(&text);
        if digest == state.digest {
            return Ok(false);
        }
        state.value = Arc::new((self.parse)(text.expose_secret())?);
        state.digest = digest;
        Ok(true)
    }
}

fn read(path: &Path) -> io::Result<SecretString> {
    input_file::read_text(path).map(SecretString::from)
}

fn digest(text: &SecretString) -> [u8; 32] {
    Sha256::digest(text.expose_secret()).into()
}
