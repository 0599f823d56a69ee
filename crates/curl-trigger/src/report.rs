//! The outcome line and the other messages.

use alloc::{
    format,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    exit::{ExitCode, Failure},
    json,
    response::Head,
    secret::ELLIPSIS,
};

/// The kubelet's limit for a termination message, in bytes.
pub const MAX_TERMINATION_MESSAGE: usize = 4096;
/// The maximum length of a text of the server in a message, in characters.
const MAX_QUOTE: usize = 200;
/// The maximum length of a message, in characters.
const MAX_LINE: usize = 1000;

/// The outcome of the program.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// The exit code.
    pub code: ExitCode,
    /// The outcome line, `✅ ...` or `❌ ...`, without a line break.
    pub line: String,
    /// The message of the failure; empty after a success.
    pub message: String,
}

/// The server accepted the request: `✅ NAME triggered successfully (HTTP 202, run_1)`.
pub fn triggered(name: &str, head: &Head, run: Option<&str>) -> Outcome {
    let run = run.map(|run| format!(", {}", quote(run))).unwrap_or_default();
    outcome(
        ExitCode::Ok,
        &format!("✅ {name} triggered successfully (HTTP {}{run})", u64::from(head.status)),
        String::new(),
    )
}

/// The run succeeded: `✅ NAME succeeded (run_1, after 1.234 s)`.
pub fn succeeded(name: &str, run: &str, state: &str, elapsed: Duration) -> Outcome {
    outcome(
        ExitCode::Ok,
        &format!("✅ {name} {} ({}, after {})", quote(state), quote(run), seconds(elapsed)),
        String::new(),
    )
}

/// A failure: `❌ NAME failed: MESSAGE (exit 22)`.
pub fn failed(name: &str, failure: &Failure) -> Outcome {
    let message = line(&failure.message);
    outcome(
        failure.code,
        &format!("❌ {name} failed: {message} (exit {})", u64::from(failure.code.number())),
        message,
    )
}

/// The response is not a 2xx, but no option makes that a failure: the exit code is 0.
pub fn not_triggered(name: &str, head: &Head, body: &str) -> Outcome {
    let hint = if (300..400).contains(&head.status) { "-L was not given" } else { "-f was not given" };
    outcome(
        ExitCode::Ok,
        &format!("❌ {name} was not triggered: {} (exit 0, as {hint})", http_status(head, body)),
        String::new(),
    )
}

/// The failure for a response of 400 or above: the status and the server's message.
pub fn http_failure(head: &Head, body: &str) -> Failure {
    Failure::new(ExitCode::HttpStatus, format_args!("{}", http_status(head, body)))
}

/// The failure for a run that did not succeed.
pub fn run_failure(code: ExitCode, run: &str, state: &str, cause: Option<&str>) -> Failure {
    let cause = cause.map(|cause| format!(": {}", quote(cause))).unwrap_or_default();
    Failure::new(code, format_args!("the run {} is {}{cause}", quote(run), quote(state)))
}

/// A text of the server for a message: on one line, without control characters, truncated to 200 characters.
pub fn quote(text: &str) -> String {
    truncated(text, MAX_QUOTE)
}

/// A message that may contain a text of the server: on one line, without control characters, truncated to 1000
/// characters.
pub fn line(text: &str) -> String {
    truncated(text, MAX_LINE)
}

fn truncated(text: &str, max: usize) -> String {
    let mut characters = text.trim_ascii().chars();
    let mut truncated: String =
        characters.by_ref().take(max).map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
    if characters.next().is_some() {
        truncated.push_str(ELLIPSIS);
    }
    truncated.trim_ascii().to_string()
}

/// Control characters, line separators, and characters that change the text direction.
fn is_unprintable(c: char) -> bool {
    matches!(c, ..' ' | '\x7f'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration as `1.234 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{}.{:03} s", duration.as_secs(), u64::from(duration.subsec_millis()))
}

fn http_status(head: &Head, body: &str) -> String {
    let reason = if head.reason.is_empty() { String::new() } else { format!(" {}", quote(&head.reason)) };
    // RFC 9457 defines detail and title; FastAPI uses detail, other servers message or error.
    let message = ["detail", "message", "error", "title"].iter().find_map(|key| json::find(body, &[key]));
    let message = message
        .filter(|message| !message.is_empty())
        .map(|message| format!(": {}", quote(&message)))
        .unwrap_or_default();
    let location = head.header("location").filter(|_| (300..400).contains(&head.status));
    let location =
        location.map(|url| format!(", redirected to {}", quote(url.split('?').next().unwrap_or_default())));
    format!("HTTP {}{reason}{message}{}", u64::from(head.status), location.unwrap_or_default())
}

fn outcome(code: ExitCode, line: &str, message: String) -> Outcome {
    Outcome { code, line: line.replace(['\r', '\n'], " "), message }
}

/// The line truncated to [`MAX_TERMINATION_MESSAGE`] bytes, at a character boundary.
pub fn termination_message(line: &str) -> &str {
    let mut end = line.len().min(MAX_TERMINATION_MESSAGE);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_text_of_the_server_is_one_truncated_line() {
        let head = Head { status: 409, reason: "Conflict".into(), ..Head::default() };
        let body = r#"{"title":"t","detail":"a run is active:\nrun_1"}"#;
        assert_eq!(http_failure(&head, body).message, "HTTP 409 Conflict: a run is active: run_1");
        let long = format!("{{\"detail\":\"{}\"}}", "ü".repeat(5000));
        assert!(http_failure(&head, &long).message.chars().count() < 250);
        assert_eq!(quote("a\r\nb\u{85}c\u{2028}d\u{202e}e\x1b[2J"), "a  b c d e [2J");
        assert_eq!(quote(&"\u{9b}a".repeat(100)), " a".repeat(100).trim());
        let failure = Failure::new(ExitCode::Resolve, format_args!("{}", "h".repeat(90_000)));
        let line = failed("n", &failure).line;
        assert!(line.len() < 1100 && line.ends_with("… (exit 6)"), "{line}");
    }

    #[test]
    fn a_redirect_that_is_not_followed_is_not_reported_as_a_success() {
        let headers = vec![("Location".into(), "http://b/login?token=x".into())];
        let head = Head { status: 302, reason: "Found".into(), headers, ..Head::default() };
        let line = not_triggered("n", &head, "").line;
        assert_eq!(
            line,
            "❌ n was not triggered: HTTP 302 Found, redirected to http://b/login (exit 0, as -L was not given)"
        );
    }

    #[test]
    fn the_termination_message_is_truncated_between_characters() {
        let line = "✅".repeat(2000);
        let message = termination_message(&line);
        assert!(message.len() <= MAX_TERMINATION_MESSAGE && message.len() > MAX_TERMINATION_MESSAGE - 4);
    }
}
