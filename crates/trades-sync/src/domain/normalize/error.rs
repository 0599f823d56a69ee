//! Errors of documents.

use jiff::civil::Date;

/// A document that breaks a rule of the contract.
#[derive(Debug, thiserror::Error)]
pub enum NormalizeError {
    /// The text is not JSON.
    #[error("not JSON: {0}; send one JSON object")]
    InvalidJson(String),
    /// A field breaks its rule.
    #[error("{field}: {message}")]
    InvalidField {
        /// The path of the field, such as `overlay.series.Delta[3].t`.
        field: String,
        /// The rule.
        message: String,
    },
    /// The document has nothing to store.
    #[error(
        "the document for {0} has no row, point, item or asset with a value; the stored day is unchanged"
    )]
    EmptyDay(Date),
}

/// The result of reading a part of a document.
pub(super) type Result<T> = std::result::Result<T, NormalizeError>;
