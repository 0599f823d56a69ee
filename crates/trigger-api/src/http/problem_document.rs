//! The schema of problems in the OpenAPI document.

use utoipa::ToSchema;

use super::links::Links;

/// An error (RFC 9457).
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    /// The URI of the kind of problem, which never changes.
    #[schema(rename = "type", example = "https://tradeops.dev/problems/conflicting-run")]
    type_uri: String,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// What happened, to which thing, and what to do.
    detail: String,
    /// The run that the problem is about.
    #[schema(required = false)]
    run: Option<RunReferenceDocument>,
    /// The id of the request, which is also in the log.
    #[schema(required = false)]
    request_id: Option<String>,
}

/// A reference to a run.
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
#[derive(ToSchema)]
#[schema(as = RunReference)]
pub(super) struct RunReferenceDocument {
    run_id: String,
    job_name: String,
    links: Links,
}
