//! How messages write a command, so that it can be copied.

/// Writes commands of this program with the options that select the same release.
#[derive(Clone, Debug)]
pub struct Hints {
    prefix: String,
}

impl Hints {
    /// Commands with that beginning, such as `just ENV=prod`.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into() }
    }

    /// A command as the operator types it.
    pub fn command(&self, arguments: &str) -> String {
        format!("{} {arguments}", self.prefix)
    }

    /// A line that says what a command does.
    pub fn to(&self, purpose: &str, arguments: &str) -> String {
        format!("to {purpose}: {}", self.command(arguments))
    }
}
