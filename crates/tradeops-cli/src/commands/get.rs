//! `get`.

use super::Context;
use crate::api::Api;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Prints a document of the release's HTTP API.
///
/// # Errors
/// When there is no answer, or it is an error.
pub async fn print_document(context: &Context, path: &str) -> Result<Outcome, Failure> {
    if !path.starts_with('/') {
        return Err(Failure::new(Outcome::Usage, format!("{path:?} is not a path; it begins with a slash")));
    }
    let api = Api::connect(&context.config).await?;
    let document = api.get(path).await?;
    context.format.print(&document, Vec::new, || format!("{document:#}"))?;
    Ok(Outcome::Done)
}
