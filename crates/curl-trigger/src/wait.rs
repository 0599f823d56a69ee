//! `--wait`: where a run's state is, how often to ask, and what the answers mean.

use alloc::{
    format,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    exit::{Code, Failure},
    json,
    response::Head,
    url::{Url, push_encoded},
};

/// How long a run is followed when neither `--wait-timeout` nor `-m` says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);
/// How long one question may take, unless `-m` is shorter.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(30);

const LONGEST_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_ASKED_INTERVAL: Duration = Duration::from_mins(1);

/// What an answer says about the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunState {
    /// Not over; the server's word for it.
    Active(String),
    /// It did what it should.
    Succeeded(String),
    /// It ended otherwise: the exit code, the server's word for it, and the cause if one is given.
    Ended(Code, String, Option<String>),
}

/// The id of the run that an answer names.
pub fn run_id(body: &str) -> Option<String> {
    json::find(body, &["run_id"]).filter(|id| !id.is_empty())
}

/// Where to ask for the state of the run that this answer started: `Location`; else `links.self` of the
/// body; else from its `run_id`, `.../analysis-status/{run_id}` beside a `.../trigger-analysis`, and
/// `/v1/runs/{run_id}` for anything else.
pub fn status_url(called: &Url, head: &Head, body: &str) -> Result<Url, Failure> {
    let link =
        head.header("location").map(ToString::to_string).or_else(|| json::find(body, &["links", "self"]));
    if let Some(link) = link.filter(|link| !link.is_empty()) {
        return called.join(&link).map_err(|failure| {
            Failure::new(
                Code::RunUnknown,
                format_args!("the run's address that the server gave can't be used: {}", failure.message),
            )
        });
    }
    let Some(id) = run_id(body) else {
        return Err(Failure::new(
            Code::RunUnknown,
            format_args!(
                "the answer has no Location, links.self or run_id, so there is no run to wait for: leave out --wait"
            ),
        ));
    };
    let id = path_segment(&id);
    match called.path().strip_suffix("/trigger-analysis") {
        Some(base) => called.join(&format!("{base}/analysis-status/{id}")),
        None => called.join(&format!("/v1/runs/{id}")),
    }
}

/// Reads the answer to a question about a run: `state`, else `status`.
pub fn run_state(body: &str) -> Result<RunState, Failure> {
    let Some(word) = json::find(body, &["state"]).or_else(|| json::find(body, &["status"])) else {
        return Err(Failure::new(
            Code::RunUnknown,
            format_args!("the server's answer about the run has neither state nor status"),
        ));
    };
    let Some((_, meaning)) = WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)) else {
        return Err(Failure::new(
            Code::RunUnknown,
            format_args!("the server gives the run a state that is not known here"),
        ));
    };
    Ok(match meaning {
        None => RunState::Active(word),
        Some(Code::Ok) => RunState::Succeeded(word),
        Some(code) => {
            let cause =
                ["reason", "error", "message", "detail"].iter().find_map(|key| json::find(body, &[key]));
            RunState::Ended(*code, word, cause.filter(|cause| !cause.is_empty()))
        }
    })
}

/// The servers' words for a run's state, and the exit code each one means; none while it is not over.
const WORDS: [(&str, Option<Code>); 21] = [
    ("pending", None),
    ("queued", None),
    ("accepted", None),
    ("started", None),
    ("starting", None),
    ("running", None),
    ("processing", None),
    ("in_progress", None),
    ("succeeded", Some(Code::Ok)),
    ("success", Some(Code::Ok)),
    ("completed", Some(Code::Ok)),
    ("complete", Some(Code::Ok)),
    ("done", Some(Code::Ok)),
    ("failed", Some(Code::RunFailed)),
    ("failure", Some(Code::RunFailed)),
    ("error", Some(Code::RunFailed)),
    ("timed_out", Some(Code::RunFailed)),
    ("cancelled", Some(Code::RunCancelled)),
    ("canceled", Some(Code::RunCancelled)),
    ("aborted", Some(Code::RunCancelled)),
    ("interrupted", Some(Code::RunInterrupted)),
];

/// The pauses between questions: what the server asks for, else doubling from one second to ten.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    asked: u32,
}

impl Pace {
    /// The pause before the next question, given the last answer's `Retry-After`.
    pub fn next(&mut self, retry_after: Option<Duration>) -> Duration {
        let growing = Duration::from_secs(1 << self.asked.min(4)).min(LONGEST_INTERVAL);
        self.asked += 1;
        match retry_after {
            Some(asked) => asked.clamp(Duration::from_secs(1), LONGEST_ASKED_INTERVAL),
            None => growing,
        }
    }
}

/// An id as one segment of a path.
fn path_segment(id: &str) -> String {
    let mut segment = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric()
            || b"-_~".contains(&byte)
            || (byte == b'.' && !matches!(id, "." | ".."))
        {
            segment.push(char::from(byte));
        } else {
            push_encoded(&mut segment, byte);
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn url_of(called: &str, location: Option<&str>, body: &str) -> Result<String, Code> {
        let headers = location.map_or(vec![], |location| vec![("location".into(), location.into())]);
        let head = Head { status: 202, headers, ..Head::default() };
        let called = Url::parse(called).expect(called);
        status_url(&called, &head, body).map(|url| url.to_string()).map_err(|failure| failure.code)
    }

    #[test]
    fn the_runs_address_is_found_in_the_documented_order() {
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
            ("http://b/trigger-sync", None, "accepted", Err(Code::RunUnknown)),
        ] {
            assert_eq!(
                url_of(called, location, body),
                expected.map(ToString::to_string),
                "{location:?} {body}"
            );
        }
    }

    #[test]
    fn states_of_both_apis_are_understood() {
        assert_eq!(run_state(r#"{"state":"running"}"#), Ok(RunState::Active("running".into())));
        assert_eq!(
            run_state(r#"{"run_id":"r","status":"completed"}"#),
            Ok(RunState::Succeeded("completed".into()))
        );
        let failed = run_state(r#"{"state":"failed","reason":"out of memory"}"#);
        assert_eq!(
            failed,
            Ok(RunState::Ended(Code::RunFailed, "failed".into(), Some("out of memory".into())))
        );
        let ended = |word: &str| match run_state(&format!("{{\"state\":\"{word}\"}}")) {
            Ok(RunState::Ended(code, ..)) => Some(code),
            _ => None,
        };
        assert_eq!(
            (ended("cancelled"), ended("interrupted")),
            (Some(Code::RunCancelled), Some(Code::RunInterrupted))
        );
        for unknown in [r#"{"state":"on holiday"}"#, "{}", ""] {
            assert_eq!(run_state(unknown).map_err(|failure| failure.code), Err(Code::RunUnknown));
        }
    }

    #[test]
    fn questions_become_rarer_unless_the_server_says_how_often() {
        let mut pace = Pace::default();
        let pauses = [(); 6].map(|()| pace.next(None).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(pace.next(Some(Duration::from_secs(3))).as_secs(), 3);
        assert_eq!(pace.next(Some(Duration::ZERO)).as_secs(), 1);
        assert_eq!(pace.next(Some(Duration::from_hours(9))).as_secs(), 60);
    }
}
