//! The report as a page for people.

use serde_json::Value;

/// The page of a report; None when the value is none.
pub(super) fn page(_result: &Value) -> Option<String> {
    None
}
