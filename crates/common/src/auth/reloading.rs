//! A value that is read again when its file changes.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::config::{ConfigError, SecretSource, Settings, input_file};

/// The minimum time between two checks of a file.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

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
///
/// The value is valid only while the file contains it: a file that was removed, or whose content is no longer a valid value,
/// revokes it. A file that can't be read for another reason, such as too many open files, does not.
pub(super) struct ReloadedFile<T> {
    variable: String,
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<FileState<T>>,
}

struct FileState<T> {
    /// None while the value is revoked.
    value: Option<Arc<T>>,
    /// The digest of the file's text, which is enough to detect a change without keeping the secret.
    digest: Option<[u8; 32]>,
    checked: Instant,
    /// Whether the last check could not read the file, so that this is logged once and not every second.
    unreadable: bool,
}

/// The outcome of reading a file.
enum FileContent<T> {
    Unchanged,
    Changed(T, [u8; 32]),
    /// The file does not contain a valid value.
    Revoked(String),
    Unreadable(io::Error),
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
            value: Some(Arc::new(value)),
            digest: Some(digest(&text)),
            checked: Instant::now(),
            unreadable: false,
        };
        Ok(Self::File(ReloadedFile { variable: variable.to_owned(), path, parse, state: Mutex::new(state) }))
    }

    /// The current value; None while it is revoked.
    pub(super) fn get(&self) -> Option<Arc<T>> {
        match self {
            Self::Fixed(value) => Some(Arc::clone(value)),
            Self::File(file) => file.checked().value.clone(),
        }
    }

    /// The setting and whether its value is revoked; None for a value that can't change.
    pub(super) fn revocation(&self) -> Option<(&str, bool)> {
        match self {
            Self::Fixed(_) => None,
            Self::File(file) => Some((&file.variable, file.checked().value.is_none())),
        }
    }
}

impl<T> ReloadedFile<T> {
    /// The state, at most a second old.
    fn checked(&self) -> MutexGuard<'_, FileState<T>> {
        let mut state = self.state.lock().expect("no code panics while it holds the lock");
        if state.checked.elapsed() >= CHECK_INTERVAL {
            state.checked = Instant::now();
            self.check(&mut state);
        }
        state
    }

    /// Reads the file. Each change of the state is logged once.
    fn check(&self, state: &mut FileState<T>) {
        let (variable, path) = (&self.variable, self.path.display());
        let content = self.content(state.digest);
        let was_unreadable = state.unreadable;
        state.unreadable = matches!(content, FileContent::Unreadable(_));
        match content {
            FileContent::Unchanged if was_unreadable => {
                tracing::info!(variable, %path, "the file can be read again, and has not changed");
            }
            FileContent::Unchanged => {}
            FileContent::Changed(value, digest) => {
                state.value = Some(Arc::new(value));
                state.digest = Some(digest);
                tracing::info!(variable, %path, "the file was reloaded");
            }
            FileContent::Revoked(problem) => {
                if state.value.take().is_some() {
                    tracing::warn!(
                        variable, %path, problem,
                        "the credential is revoked, because its file no longer contains it; restore the file to accept it again"
                    );
                }
                state.digest = None;
            }
            FileContent::Unreadable(error) => {
                if !was_unreadable {
                    let revoked = state.value.is_none();
                    tracing::warn!(
                        variable, %path, %error, revoked,
                        "the file can't be read; its credential stays as it was"
                    );
                }
            }
        }
    }

    fn content(&self, known: Option<[u8; 32]>) -> FileContent<T> {
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) => return unread(error),
        };
        let digest = digest(&text);
        if Some(digest) == known {
            return FileContent::Unchanged;
        }
        match (self.parse)(text.expose_secret()) {
            Ok(value) => FileContent::Changed(value, digest),
            Err(problem) => FileContent::Revoked(problem.to_owned()),
        }
    }
}

/// Distinguishes a file without a secret from one that can't be read at the moment.
fn unread<T>(error: io::Error) -> FileContent<T> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::InvalidData => {
            FileContent::Revoked(error.to_string())
        }
        _ => FileContent::Unreadable(error),
    }
}

fn read(path: &Path) -> io::Result<SecretString> {
    input_file::read_text(path).map(SecretString::from)
}

fn digest(text: &SecretString) -> [u8; 32] {
    Sha256::digest(text.expose_secret()).into()
}
