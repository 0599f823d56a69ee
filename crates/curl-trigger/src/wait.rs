//! `--wait`: the URL of a run's state, the polling interval, and the meaning of the states.

use alloc::{
    format,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    exit::{ExitCode, Failure},
    json,
    response::Head,
    url::{Url, path::push_percent_encoded},
};

/// The time limit without `--wait-timeout` and `-m`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);
/// The time limit of one poll, unless `-m` is shorter.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(30);

const MAX_INTERVAL: Duration = Duration::from_secs(10);
const MAX_REQUESTED_INTERVAL: Duration = Duration::from_mins(1);

/// The state of a run, with the server's name for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunState {
    /// Not ended.
    Active(String),
    /// Ended successfully.
    Succeeded(String),
    /// Ended without success.
    Failed {
        /// The exit code for the state.
        code: ExitCode,
        /// The server's name for the state.
        state: String,
        /// The cause, if the response has one.
        cause: Option<String>,
    },
}

/// The id of the run in a response.
pub fn run_id(body: &str) -> Option<String> {
    json::find(body, &["run_id"]).filter(|id| !id.is_empty())
}

/// The URL of the state of the run that this response started: `Location`, else `links.self` of the body, else a
/// URL with its `run_id`: `.../analysis-status/{run_id}` if the called path is `.../trigger-analysis`, and
/// `/v1/runs/{run_id}` otherwise.
pub fn status_url(called: &Url, head: &Head, body: &str) -> Result<Url, Failure> {
    let link =
        head.header("location").map(ToString::to_string).or_else(|| json::find(body, &["links", "self"]));
    if let Some(link) = link.filter(|link| !link.is_empty()) {
        return called.join(&link).map_err(|failure| {
            Failure::new(
                ExitCode::RunUnknown,
                format_args!("the run's URL in the response can't be used: {}", failure.message),
            )
        });
    }
    let Some(id) = run_id(body) else {
        return Err(Failure::new(
            ExitCode::RunUnknown,
            format_args!(
                "the response has no Location, links.self or run_id, so there is no run to wait for: remove --wait"
            ),
        ));
    };
    let id = path_segment(&id);
    match called.path().strip_suffix("/trigger-analysis") {
        Some(base) => called.join(&format!("{base}/analysis-status/{id}")),
        None => called.join(&format!("/v1/runs/{id}")),
    }
}

/// The state in the response to a poll: `state`, else `status`.
pub fn run_state(body: &str) -> Result<RunState, Failure> {
    let Some(state) = json::find(body, &["state"]).or_else(|| json::find(body, &["status"])) else {
        return Err(Failure::new(
            ExitCode::RunUnknown,
            format_args!("the server's response about the run has neither state nor status"),
        ));
    };
    let Some((_, meaning)) = STATES.iter().find(|(known, _)| state.eq_ignore_ascii_case(known)) else {
        return Err(Failure::new(
            ExitCode::RunUnknown,
            format_args!("the state of the run is unknown to this program"),
        ));
    };
    Ok(match meaning {
        None => RunState::Active(state),
        Some(ExitCode::Ok) => RunState::Succeeded(state),
        Some(code) => {
            let cause =
                ["reason", "error", "message", "detail"].iter().find_map(|key| json::find(body, &[key]));
            RunState::Failed { code: *code, state, cause: cause.filter(|cause| !cause.is_empty()) }
        }
    })
}

/// The known names of states and their exit codes; `None` for a run that has not ended.
const STATES: [(&str, Option<ExitCode>); 21] = [
    ("pending", None),
    ("queued", None),
    ("accepted", None),
    ("started", None),
    ("starting", None),
    ("running", None),
    ("processing", None),
    ("in_progress", None),
    ("succeeded", Some(ExitCode::Ok)),
    ("success", Some(ExitCode::Ok)),
    ("completed", Some(ExitCode::Ok)),
    ("complete", Some(ExitCode::Ok)),
    ("done", Some(ExitCode::Ok)),
    ("failed", Some(ExitCode::RunFailed)),
    ("failure", Some(ExitCode::RunFailed)),
    ("error", Some(ExitCode::RunFailed)),
    ("timed_out", Some(ExitCode::RunFailed)),
    ("cancelled", Some(ExitCode::RunCancelled)),
    ("canceled", Some(ExitCode::RunCancelled)),
    ("aborted", Some(ExitCode::RunCancelled)),
    ("interrupted", Some(ExitCode::RunInterrupted)),
];

/// The pauses between polls: the server's `Retry-After`, else doubling from one second to ten.
#[derive(Clone, Copy, Debug, Default)]
pub struct PollInterval {
    polls: u32,
}

impl PollInterval {
    /// The pause before the next poll, given the last response's `Retry-After`.
    pub fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let doubled = Duration::from_secs(1 << self.polls.min(4)).min(MAX_INTERVAL);
        self.polls += 1;
        match retry_after {
            Some(requested) => requested.clamp(Duration::from_secs(1), MAX_REQUESTED_INTERVAL),
            None => doubled,
        }
    }
}

/// Encodes an id as one path segment.
fn path_segment(id: &str) -> String {
    let mut segment = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-_~".contains(&byte)
            || (byte == b'.' && !matches!(id, "." | ".."))
        {
            segment.push(char::from(byte));
        } else {
            push_percent_encoded(&mut segment, byte);
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn url_of(called: &str, location: Option<&str>, body: &str) -> Result<String, ExitCode> {
        let headers = location.map_or(vec![], |location| vec![("location".into(), location.into())]);
        let head = Head { status: 202, headers, ..Head::default() };
        let called = Url::parse(called).expect(called);
        status_url(&called, &head, body).map(|url| url.to_string()).map_err(|failure| failure.code)
    }

    #[test]
    fn the_url_of_a_run_is_found_in_the_documented_order() {
        let analysis = "http://b:8000/api/admin/portfolio/trigger-analysis";
        let body = r#"{"run_id":"run_1","links":{"self":"/v1/runs/linked"}}"#;
        for (called, location, body, expected) in [
            (analysis, Some("/v1/runs/located"), body, Ok("http://b:8000/v1/runs/located")),
            (analysis, None, body, Ok("http://b:8000/v1/runs/linked")),
            (
                analysis,
                None,
                r#"{"run_id":"run_1"}"#,
                Ok("http://b:8000/api/admin/portfolio/analysis-status/run_1"),
            ),
            ("http://b/trigger-sync", None, r#"{"run_id":"a/../b"}"#, Ok("http://b/v1/runs/a%2F..%2Fb")),
            ("http://b/trigger-sync", None, r#"{"run_id":".."}"#, Ok("http://b/v1/runs/%2E%2E")),
            ("http://b/trigger-sync", None, "accepted", Err(ExitCode::RunUnknown)),
        ] {
            assert_eq!(
                url_of(called, location, body),
                expected.map(ToString::to_string),
                "{location:?} {body}"
            );
        }
    }

    #[test]
    fn states_of_both_apis_are_known() {
        assert_eq!(run_state(r#"{"state":"running"}"#), Ok(RunState::Active("running".into())));
        assert_eq!(
            run_state(r#"{"run_id":"r","status":"completed"}"#),
            Ok(RunState::Succeeded("completed".into()))
        );
        let failed = run_state(r#"{"state":"failed","reason":"out of memory"}"#);
        assert_eq!(
            failed,
            Ok(RunState::Failed {
                code: ExitCode::RunFailed,
                state: "failed".into(),
                cause: Some("out of memory".into())
            })
        );
        let code_of = |state: &str| match run_state(&format!("{{\"state\":\"{state}\"}}")) {
            Ok(RunState::Failed { code, .. }) => Some(code),
            _ => None,
        };
        assert_eq!(
            (code_of("cancelled"), code_of("interrupted")),
            (Some(ExitCode::RunCancelled), Some(ExitCode::RunInterrupted))
        );
        for unknown in [r#"{"state":"on holiday"}"#, "{}", ""] {
            assert_eq!(run_state(unknown).map_err(|failure| failure.code), Err(ExitCode::RunUnknown));
        }
    }

    #[test]
    fn the_interval_doubles_unless_the_server_sets_it() {
        let mut poll_interval = PollInterval::default();
        let pauses = [(); 6].map(|()| poll_interval.next(None).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(poll_interval.next(Some(Duration::from_secs(3))).as_secs(), 3);
        assert_eq!(poll_interval.next(Some(Duration::ZERO)).as_secs(), 1);
        assert_eq!(poll_interval.next(Some(Duration::from_hours(9))).as_secs(), 60);
    }
}
