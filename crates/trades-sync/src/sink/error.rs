//! What can go wrong with a sink, in words for the operator.

use common::http::HttpError;

/// A sink did not store a day, or did not say that it did.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The sink was asked and said no; asking again would not help.
    #[error("{place} refused: {reason}")]
    Refused {
        /// The sink, and which address of it.
        place: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The sink answered, but not that the day is stored. It may be stored all the same.
    #[error("{place} did not confirm the day: {reason}")]
    Unconfirmed {
        /// The sink, and which address of it.
        place: String,
        /// What it answered, and what to do.
        reason: String,
    },
    /// The sink could not be asked, or gave no usable answer. The day may have been stored all the same.
    #[error("{place} is unreachable: {reason}")]
    Unreachable {
        /// The sink, and which address of it.
        place: String,
        /// What was met.
        reason: String,
    },
}

impl SinkError {
    pub(super) fn refused(place: &str, reason: impl Into<String>) -> Self {
        Self::Refused { place: place.to_owned(), reason: reason.into() }
    }

    pub(super) fn of_http(place: String, error: &HttpError) -> Self {
        let reason = error.to_string();
        match error {
            HttpError::Unreachable { .. } => Self::Unreachable { place, reason },
            HttpError::Untrusted { .. } | HttpError::TooLong(_) => Self::Refused { place, reason },
        }
    }

    /// What is known about a day that was to be stored.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::Unreachable { .. } => "was not stored",
            Self::Unconfirmed { .. } => "may not be stored",
        }
    }
}
