//! `cancel`.

use reqwest::Method;

use super::Context;
use super::following::until_end;
use crate::api::documents::Run;
use crate::api::{Api, escaped, parsed};
use crate::failure::Failure;
use crate::outcome::Outcome;

/// Cancels a run.
///
/// # Errors
/// When it can't be cancelled.
pub async fn cancel(context: &Context, run: &str, wait: bool) -> Result<Outcome, Failure> {
    let api = Api::connect(&context.config).await?;
    let (before, _) = api.find_run(run).await?;
    let path = format!("/v1/runs/{}", escaped(&before.run_id));
    let answer = api.request(Method::DELETE, &path, None, None).await?;
    let mut document = answer.map_err(|refusal| refusal.into_failure(&api.hints))?;
    if wait {
        document = until_end(&api, document, None).await?;
    }
    let run: Run = parsed(&document)?;
    let text = || match (before.outcome(), run.outcome()) {
        (Some(_), _) => format!("{} had ended before: {}", run.name(), run.summary()),
        (None, Some(_)) => format!("{} has ended: {}", run.name(), run.summary()),
        (None, None) => {
            let watch = api.hints.command(&format!("run {}", run.name()));
            format!(
                "{} is being cancelled: its pods are stopping\n  to see whether they have: {watch}",
                run.name()
            )
        }
    };
    context.format.print(&document, || vec![run.run_id.clone()], text)?;
    Ok(Outcome::Done)
}
