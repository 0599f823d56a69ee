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
    /// The sink could not be asked, or gave no usable answer.
    #[error("{place} is unreachable: {reason}")]
    Unreachable {
        /// The sink, and which address of it.
        place: String,
        /// What was met.
        reason: String,
        /// Whether the day may have been stored all the same.
        may_be_stored: bool,
    },
}

impl SinkError {
    pub(super) fn refused(place: &str, reason: impl Into<String>) -> Self {
        Self::Refused { place: place.to_owned(), reason: reason.into() }
    }

    pub(super) fn of_http(place: String, error: &HttpError) -> Self {
        let reason = error.to_string();
        match error {
            HttpError::Unreachable { may_have_arrived, .. } => {
                Self::Unreachable { place, reason, may_be_stored: *may_have_arrived }
            }
            HttpError::Untrusted { .. } => Self::Refused { place, reason },
            HttpError::TooLong(_) => Self::Unconfirmed { place, reason },
        }
    }

    /// What is known about a day that was to be stored.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::Unreachable { may_be_stored: false, .. } => "was not stored",
            Self::Unconfirmed { .. } | Self::Unreachable { .. } => "may not be stored",
        }
    }
}
