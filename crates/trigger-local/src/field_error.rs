//! A field of a CronJob that is invalid or not supported.

use trigger_core::executor::ExecutorError;

/// Names the file, the document and the field.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {field} {problem}")]
pub(super) struct FieldError {
    origin: String,
    pub(super) field: String,
    problem: String,
}

impl FieldError {
    pub(super) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { origin: String::new(), field: field.into(), problem: problem.into() }
    }

    /// Sets the file and the document.
    pub(super) fn in_document(self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self }
    }
}

impl From<FieldError> for ExecutorError {
    fn from(error: FieldError) -> Self {
        Self::Refused(error.to_string())
    }
}
