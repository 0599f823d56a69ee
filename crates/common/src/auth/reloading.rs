//! A value that is read again when its file changes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::config::{ConfigError, SecretSource, Settings};

/// How often a file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much of a file is read, in bytes; a longer one can't be meant.
const LONGEST_FILE: u64 = 1024 * 1024;

/// Makes the value of a file's text. The error says what is wrong with the text, and shows none of it.
pub(super) type Parse<T> = fn(&str) -> Result<T, &'static str>;

/// A value, from a setting or from a file that may change while the program runs.
pub(super) enum Reloading<T> {
    Fixed(Arc<T>),
    File(ReloadedFile<T>),
}

/// A value of a file, which is looked at on use, at most once a second.
///
/// Each look reads the file: such files are small and mounted in memory, and two writes within one tick of the
/// clock can share a modification time, but not a content. Opening follows the symlink that Kubernetes swaps.
pub(super) struct ReloadedFile<T> {
    variable: String,
    path: PathBuf,
    parse: Parse<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Arc<T>,
    /// Of the text that the value was made from: enough to notice a change, and not the secret itself.
    digest: [u8; 32],
    looked: Instant,
    /// Whether the last look failed, so that it's told once and not every second.
    failing: bool,
}

impl<T> Reloading<T> {
    /// A secret's value, from the variable `name` or the file that `NAME_FILE` names.
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

    /// The value of the file that `variable` names. It must be good to begin with.
    pub(super) fn file(variable: &str, path: PathBuf, parse: Parse<T>) -> Result<Self, ConfigError> {
        let problem = |problem| ConfigError::variable(variable, format!("{}: {problem}", path.display()));
        let text = read(&path).map_err(|error| problem(error.to_string()))?;
        let value = parse(text.expose_secret()).map_err(|text| problem(text.to_owned()))?;
        let state =
            State { value: Arc::new(value), digest: digest(&text), looked: Instant::now(), failing: false };
        Ok(Self::File(ReloadedFile { variable: variable.to_owned(), path, parse, state: Mutex::new(state) }))
    }

    /// The value as of now, or the last good one when the file can't be used.
    pub(super) fn get(&self) -> Arc<T> {
        match self {
            Self::Fixed(value) => Arc::clone(value),
            Self::File(file) => file.get(),
        }
    }
}

impl<T> ReloadedFile<T> {
    fn get(&self) -> Arc<T> {
        let mut state = self.state.lock().expect("nothing panics while it is held");
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            self.look(&mut state);
        }
        Arc::clone(&state.value)
    }

    fn look(&self, state: &mut State<T>) {
        let path = self.path.display();
        match self.read_changed(state) {
            Ok(changed) => {
                if changed || state.failing {
                    tracing::info!(variable = self.variable, %path, changed, "the file was read again");
                }
                state.failing = false;
            }
            Err(problem) => {
                if !state.failing {
                    tracing::warn!(
                        variable = self.variable, %path, problem,
                        "the file can't be used; what it held before stays valid"
                    );
                }
                state.failing = true;
            }
        }
    }

    /// Reads the file; true when it holds something else than before.
    fn read_changed(&self, state: &mut State<T>) -> Result<bool, String> {
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
    let mut text = String::new();
    File::open(path)?.take(LONGEST_FILE).read_to_string(&mut text)?;
    Ok(text.into())
}

fn digest(text: &SecretString) -> [u8; 32] {
    Sha256::digest(text.expose_secret()).into()
}
