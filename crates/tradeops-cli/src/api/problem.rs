//! Errors of trigger-api, for people.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::hints::Hints;
use crate::outcome::Outcome;

/// An error document of trigger-api (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProblemDocument {
    /// A URL whose last segment is the kind.
    #[serde(rename = "type")]
    type_url: String,
    title: String,
    detail: String,
    /// The run that the problem is about.
    pub run: Option<RunReference>,
}

/// A run that a problem names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RunReference {
    /// Its id.
    pub run_id: String,
    /// The name of its Job.
    pub job_name: String,
}

/// An answer that is an error.
#[derive(Debug)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// Its body; null if that is not JSON.
    pub document: Value,
    /// Its problem; empty if the body is not one.
    pub problem: ProblemDocument,
}

impl Refusal {
    /// Reads the body of an answer.
    pub fn new(status: StatusCode, body: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        let problem = ProblemDocument::deserialize(&document).unwrap_or_default();
        Self { status, document, problem }
    }

    /// The kind of the problem, such as `unknown-run`; empty if the answer has none.
    pub fn kind(&self) -> &str {
        self.problem.type_url.rsplit('/').next().unwrap_or_default()
    }

    /// What happened, and what to do, in trigger-api's words.
    pub fn detail(&self) -> &str {
        &self.problem.detail
    }

    /// Whether the same request can succeed after a short time.
    pub fn is_temporary(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error()
    }

    /// The problem as the end of the command.
    pub fn into_failure(self, hints: &Hints) -> Failure {
        let failure = Failure::new(self.outcome(), self.message());
        match self.kind() {
            "missing-credential" => failure.with_next(
                "set TRADEOPS_TOKEN or TRADEOPS_TOKEN_FILE, or get the right to read the release's Secrets",
            ),
            "wrong-credential" => failure.with_next(
                "compare it with the Secret of the release; a Secret that was changed is used by its pods after up to a minute",
            ),
            "not-allowed" => failure.with_next(hints.to("see what you may do", "whoami")),
            "unknown-target" => failure.with_next(hints.to("list the targets", "targets")),
            "unknown-run" => failure.with_next(hints.to("list the runs", "runs")),
            "queue-full" => failure.with_next(hints.to("list what waits", "runs --state pending,running")),
            "missing-permission" | "store-unavailable" | "cluster-unreachable" | "quota-exceeded" => {
                failure.with_next(hints.to("see what is wrong", "status"))
            }
            _ => failure,
        }
    }

    fn outcome(&self) -> Outcome {
        match (self.status.as_u16(), self.kind()) {
            (401 | 403, _) | (_, "missing-permission") => Outcome::NotAllowed,
            // The request may have been executed.
            (504, _) | (_, "internal") => Outcome::Unknown,
            (429 | 500.., _) => Outcome::Unavailable,
            _ => Outcome::Rejected,
        }
    }

    fn message(&self) -> String {
        let ProblemDocument { title, detail, .. } = &self.problem;
        let text = if detail.is_empty() { title } else { detail };
        if text.is_empty() {
            return format!(
                "the server answers with status {}, and is not a trigger-api that can be used",
                self.status
            );
        }
        let text = common::text::single_line(text, 1000);
        format!("{} ({})", text.trim_end_matches('.'), self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, kind: &str) -> Refusal {
        let body = serde_json::json!({
            "type": format!("https://tradeops.dev/problems/{kind}"), "title": "A title", "detail": "A sentence.",
        });
        Refusal::new(StatusCode::from_u16(status).expect("a status"), body.to_string().as_bytes())
    }

    #[test]
    fn each_kind_of_problem_has_its_exit_code() {
        for (status, kind, outcome) in [
            (401, "missing-credential", Outcome::NotAllowed),
            (403, "not-allowed", Outcome::NotAllowed),
            (404, "unknown-target", Outcome::Rejected),
            (409, "conflicting-run", Outcome::Rejected),
            (422, "bad-parameters", Outcome::Rejected),
            (429, "too-many-requests", Outcome::Unavailable),
            (500, "internal", Outcome::Unknown),
            (502, "cluster-refused", Outcome::Unavailable),
            (503, "missing-permission", Outcome::NotAllowed),
            (503, "store-unavailable", Outcome::Unavailable),
            (504, "cluster-timeout", Outcome::Unknown),
        ] {
            let failure = refusal(status, kind).into_failure(&Hints::new("tradeops"));
            assert_eq!(failure.outcome, outcome, "{kind}");
            assert!(failure.to_string().starts_with(&format!("A sentence ({kind})")), "{failure}");
        }
    }

    #[test]
    fn an_answer_of_another_server_is_described_by_its_status() {
        let refusal = Refusal::new(StatusCode::NOT_FOUND, b"<html>hello</html>");
        let text = refusal.into_failure(&Hints::new("tradeops")).to_string();
        assert!(text.contains("404 Not Found") && !text.contains("html"), "{text}");
    }
}
