//! A field of a CronJob that can't be honoured on this machine.

use std::time::Duration;

use trigger_core::ports::ExecutorError;

/// Names file, document and field.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {field} {problem}")]
pub(super) struct Refusal {
    origin: String,
    field: String,
    problem: String,
}

impl Refusal {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { origin: String::new(), field: field.into(), problem: problem.into() }
    }

    /// The same, in that document.
    pub(super) fn of(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }
}

impl From<Refusal> for ExecutorError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// Refuses the first field that is there.
pub(super) fn none_of(parent: &str, fields: &[(&str, bool)]) -> Result<(), Refusal> {
    match fields.iter().find(|(_, is_there)| *is_there) {
        Some((field, _)) => {
            Err(Refusal::new(format!("{parent}.{field}"), "can't be honoured by the local executor"))
        }
        None => Ok(()),
    }
}

/// Whether a list has something in it.
pub(super) fn present<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

/// A number of seconds that is not below 0.
pub(super) fn seconds(value: Option<i64>, parent: &str, field: &str) -> Result<Option<Duration>, Refusal> {
    let read = |value| {
        let seconds = u64::try_from(value);
        seconds.map_err(|_| Refusal::new(format!("{parent}.{field}"), "must not be below 0"))
    };
    Ok(value.map(read).transpose()?.map(Duration::from_secs))
}
