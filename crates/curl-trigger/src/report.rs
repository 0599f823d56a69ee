//! What people and Kubernetes read: the outcome line and the notes on the way to it.

use alloc::{
    format,
    string::{String, ToString},
};
use core::time::Duration;

use crate::{
    exit::{Code, Failure},
    json,
    response::Head,
    secret::CUT,
};

/// The kubelet takes no more of a container's last words.
pub const MAX_TERMINATION_MESSAGE: usize = 4096;
/// The longest server's text in a message, in characters.
const MAX_QUOTE: usize = 200;
/// The longest message, in characters.
const MAX_LINE: usize = 1000;

/// How it all ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// What the program exits with.
    pub code: Code,
    /// The line for people, `✅ ...` or `❌ ...`, without a line break.
    pub line: String,
    /// The failure behind it, if it was one.
    pub message: String,
}

/// The request was taken: `✅ NAME triggered successfully (HTTP 202, run_1)`.
pub fn triggered(name: &str, head: &Head, run: Option<&str>) -> Ending {
    let run = run.map(|run| format!(", {}", quote(run))).unwrap_or_default();
    ending(Code::Ok, &format!("✅ {name} triggered successfully (HTTP {}{run})", head.status), String::new())
}

/// The run that was waited for did what it should.
pub fn succeeded(name: &str, run: &str, word: &str, after: Duration) -> Ending {
    ending(
        Code::Ok,
        &format!("✅ {name} {} ({}, after {})", quote(word), quote(run), seconds(after)),
        String::new(),
    )
}

/// Something failed.
pub fn failed(name: &str, failure: &Failure) -> Ending {
    let message = line(&failure.message);
    ending(failure.code, &format!("❌ {name} failed: {message} (exit {})", failure.code.number()), message)
}

/// The server answered, but not with a 2xx, and no option makes that a failure, so that the exit code is 0.
pub fn not_triggered(name: &str, head: &Head, body: &str) -> Ending {
    let hint = if (300..400).contains(&head.status) { "-L was not given" } else { "-f was not given" };
    ending(
        Code::Ok,
        &format!("❌ {name} was not triggered: {} (exit 0, as {hint})", http_status(head, body)),
        String::new(),
    )
}

/// The failure of an answer of 400 or above: the status, and the server's own words for it.
pub fn http_failure(head: &Head, body: &str) -> Failure {
    Failure::new(Code::HttpStatus, format_args!("{}", http_status(head, body)))
}

/// How a run ended that did not succeed.
pub fn run_ended(code: Code, run: &str, word: &str, cause: Option<&str>) -> Failure {
    let cause = cause.map(|cause| format!(": {}", quote(cause))).unwrap_or_default();
    Failure::new(code, format_args!("the run {} is {}{cause}", quote(run), quote(word)))
}

/// A server's text as a part of one line: without control characters, cut to [`MAX_QUOTE`].
pub fn quote(text: &str) -> String {
    bounded(text, MAX_QUOTE)
}

/// A text that may hold a server's text, as one line: without control characters, cut to [`MAX_LINE`].
pub fn line(text: &str) -> String {
    bounded(text, MAX_LINE)
}

fn bounded(text: &str, max: usize) -> String {
    let mut characters = text.trim_ascii().chars();
    let mut bounded: String =
        characters.by_ref().take(max).map(|c| if moves_the_cursor(c) { ' ' } else { c }).collect();
    if characters.next().is_some() {
        bounded.push_str(CUT);
    }
    bounded.trim_ascii().to_string()
}

/// Control characters, line separators, and what turns the direction of writing.
fn moves_the_cursor(c: char) -> bool {
    matches!(c, ..' ' | '\x7f'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1.234 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{}.{:03} s", duration.as_secs(), duration.subsec_millis())
}

fn http_status(head: &Head, body: &str) -> String {
    let reason = if head.reason.is_empty() { String::new() } else { format!(" {}", quote(&head.reason)) };
    // RFC 9457 has detail and title; FastAPI has detail, others message or error.
    let words = ["detail", "message", "error", "title"].iter().find_map(|key| json::find(body, &[key]));
    let words = words
        .filter(|words| !words.is_empty())
        .map(|words| format!(": {}", quote(&words)))
        .unwrap_or_default();
    let location = head.header("location").filter(|_| (300..400).contains(&head.status));
    let location =
        location.map(|url| format!(", redirected to {}", quote(url.split('?').next().unwrap_or_default())));
    format!("HTTP {}{reason}{words}{}", head.status, location.unwrap_or_default())
}

fn ending(code: Code, line: &str, message: String) -> Ending {
    Ending { code, line: line.replace(['\r', '\n'], " "), message }
}

/// The line cut to what the kubelet takes, at a character's border.
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
    fn a_servers_words_stay_one_bounded_line() {
        let head = Head { status: 409, reason: "Conflict".into(), ..Head::default() };
        let body = r#"{"title":"t","detail":"a run is active:\nrun_1"}"#;
        assert_eq!(http_failure(&head, body).message, "HTTP 409 Conflict: a run is active: run_1");
        let long = format!("{{\"detail\":\"{}\"}}", "ü".repeat(5000));
        assert!(http_failure(&head, &long).message.chars().count() < 250);
        assert_eq!(quote("a\r\nb\u{85}c\u{2028}d\u{202e}e\x1b[2J"), "a  b c d e [2J");
        assert_eq!(quote(&"\u{9b}a".repeat(100)), " a".repeat(100).trim());
        let failure = Failure::new(Code::Resolve, format_args!("{}", "h".repeat(90_000)));
        let line = failed("n", &failure).line;
        assert!(line.len() < 1100 && line.ends_with("… (exit 6)"), "{line}");
    }

    #[test]
    fn a_redirect_that_is_not_followed_is_no_success() {
        let headers = vec![("Location".into(), "http://b/login?token=x".into())];
        let head = Head { status: 302, reason: "Found".into(), headers, ..Head::default() };
        let line = not_triggered("n", &head, "").line;
        assert_eq!(
            line,
            "❌ n was not triggered: HTTP 302 Found, redirected to http://b/login (exit 0, as -L was not given)"
        );
    }

    #[test]
    fn the_termination_message_is_cut_between_characters() {
        let line = "✅".repeat(2000);
        let message = termination_message(&line);
        assert!(message.len() <= MAX_TERMINATION_MESSAGE && message.len() > MAX_TERMINATION_MESSAGE - 4);
    }
}
