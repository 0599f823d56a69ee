//! The result of storing a day.

/// A stored day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Receipt {
    /// The name of the sink that stored it.
    pub sink: &'static str,
    /// How many bytes were sent, or written as documents.
    pub bytes: usize,
}
