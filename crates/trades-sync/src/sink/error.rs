//! Errors of sinks, as messages for operators.

use common::http::HttpError;

/// A sink did not store a day, or did not confirm that it did. Each message begins with the name of the sink.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The sink can't store the day. A retry would not help.
    #[error("{sink}: {reason}")]
    Rejected {
        /// The sink and its address.
        sink: String,
        /// The reason, and what to do about it.
        reason: String,
    },
    /// The sink answered, but did not confirm that the day is stored. It may be stored nevertheless.
    #[error("{sink} did not confirm the day: {reason}")]
    Unconfirmed {
        /// The sink and its address.
        sink: String,
        /// The answer, and what to do about it.
        reason: String,
    },
    /// The sink could not be reached, or gave no usable answer.
    #[error("{sink} is unreachable: {reason}")]
    Unreachable {
        /// The sink and its address.
        sink: String,
        /// The error of the last attempt.
        reason: String,
        /// Whether the day may be stored nevertheless.
        may_be_stored: bool,
    },
}

impl SinkError {
    pub(super) fn rejected(sink: &str, reason: impl Into<String>) -> Self {
        Self::Rejected { sink: sink.to_owned(), reason: reason.into() }
    }

    pub(super) fn of_http(sink: String, error: &HttpError) -> Self {
        let reason = error.to_string();
        match error {
            HttpError::Unreachable { may_have_arrived, .. } => {
                Self::Unreachable { sink, reason, may_be_stored: *may_have_arrived }
            }
            HttpError::Untrusted { .. } => Self::Rejected { sink, reason },
            HttpError::TooLong(_) => Self::Unconfirmed { sink, reason },
        }
    }

    /// Whether the day was stored, as far as is known.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Rejected { .. } | Self::Unreachable { may_be_stored: false, .. } => "was not stored",
            Self::Unconfirmed { .. } | Self::Unreachable { .. } => "may not have been stored",
        }
    }
}
