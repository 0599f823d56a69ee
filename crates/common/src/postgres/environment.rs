//! The parts of a process's environment that libpq reads.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::keywords::KEYWORDS;
use crate::config::{self, ConfigError};

/// The variables and the user of a process. It has no `Debug`, because one of the variables is a password.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    user: Option<String>,
    home: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process.
    ///
    /// # Errors
    /// When a variable of libpq is not UTF-8.
    pub fn of_process() -> Result<Self, ConfigError> {
        let names = KEYWORDS.iter().filter_map(|keyword| keyword.variable);
        let names: Vec<&str> = names.chain(["PGREQUIRESSL", "HOME"]).collect();
        let variables = config::from_environment(&names)?;
        let entry = PasswdEntry::of_process();
        let home = variables.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.or_else(|| entry.as_ref().map(|entry| entry.home.clone()));
        Ok(Self { variables, user: entry.map(|entry| entry.name), home })
    }

    /// The environment of a user with these variables. `HOME` is the user's folder.
    pub fn of_user<'a>(user: &str, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let variables: HashMap<String, String> =
            variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let home = variables.get("HOME").map(PathBuf::from);
        Self { variables, user: Some(user.to_owned()), home }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The environment without one variable; None when that is not set.
    pub(super) fn without(&self, name: &str) -> Option<Self> {
        self.variables.contains_key(name).then(|| {
            let mut without = self.clone();
            without.variables.remove(name);
            without
        })
    }

    pub(super) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A file in the user's folder.
    pub(super) fn in_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }
}

/// An entry of `/etc/passwd`.
struct PasswdEntry {
    name: String,
    home: PathBuf,
}

impl PasswdEntry {
    /// None in an image without that file.
    fn of_process() -> Option<Self> {
        let id = std::fs::metadata("/proc/self").ok()?.uid().to_string();
        let entries = std::fs::read_to_string("/etc/passwd").ok()?;
        entries.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, user_id, _, _, home, ..] = fields[..] else { return None };
            (user_id == id).then(|| Self { name: name.to_owned(), home: home.into() })
        })
    }
}
