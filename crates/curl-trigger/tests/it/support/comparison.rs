//! Compares curl-trigger with Debian's curl, case by case: the exit code, the number of requests, the standard output.

use std::{io::Write, net::TcpStream, sync::Arc, thread};

use super::{
    program::{CommandOutput, curl, run},
    server::{Server, response, wait_for_close},
};

type Responder = Arc<dyn Fn(&mut TcpStream, usize) + Send + Sync>;

/// A case: options and a server, with the expected exit code and number of requests.
pub(crate) struct Case {
    about: &'static str,
    options: &'static [&'static str],
    responder: Responder,
    code: i32,
    requests: usize,
    /// The exit code of curl-trigger, if it differs from curl's on purpose.
    differs: Option<i32>,
}

pub(crate) fn case(
    about: &'static str,
    options: &'static [&'static str],
    responder: Responder,
    code: i32,
    requests: usize,
) -> Case {
    Case { about, options, responder, code, requests, differs: None }
}

/// A case in which the exit code of curl-trigger differs on purpose.
pub(crate) fn differing(differs: i32, case: Case) -> Case {
    Case { differs: Some(differs), ..case }
}

/// Sends this, then closes the connection.
pub(crate) fn responds_with(text: impl Into<Vec<u8>>) -> Responder {
    let text = text.into();
    Arc::new(move |stream, _| {
        let _ = stream.write_all(&text);
    })
}

/// Sends the texts one after the other, one per request; the last one repeats.
pub(crate) fn responds_in_turn(texts: &[String]) -> Responder {
    let texts = texts.to_vec();
    Arc::new(move |stream, seen| {
        let _ = stream.write_all(texts.get(seen).or(texts.last()).expect("a text").as_bytes());
    })
}

/// Sends this, then keeps the connection open.
pub(crate) fn hangs_after(text: &'static str) -> Responder {
    Arc::new(move |stream, _| {
        let _ = stream.write_all(text.as_bytes());
        wait_for_close(stream);
    })
}

pub(crate) fn ok() -> String {
    response("200 OK", "", "fine\n")
}

pub(crate) fn busy(headers: &str) -> String {
    response("503 Service Unavailable", headers, "busy\n")
}

pub(crate) fn redirect(status: &str, location: &str) -> String {
    response(status, &format!("Location: {location}\r\n"), "moved\n")
}

/// Runs all cases at the same time, because they mostly wait.
pub(crate) fn compare(cases: Vec<Case>) {
    let failed: Vec<String> = thread::scope(|scope| {
        let all: Vec<_> = cases.into_iter().map(|case| scope.spawn(move || compare_one(&case))).collect();
        all.into_iter().filter_map(|case| case.join().expect("a case")).collect()
    });
    assert!(failed.is_empty(), "{} differ:\n{}", failed.len(), failed.join("\n"));
}

fn compare_one(case: &Case) -> Option<String> {
    let call = |program: fn(&[&str]) -> CommandOutput| {
        let responder = Arc::clone(&case.responder);
        let server = Server::start(move |stream, seen| responder(stream, seen));
        let mut arguments = vec!["-s"];
        arguments.extend(case.options);
        let url = server.url("/path?query");
        arguments.push(&url);
        let output = program(&arguments);
        (output.code, server.requests().len(), output.out)
    };
    let (theirs, ours) = (call(curl), call(run));
    let expected = (Some(case.code), case.requests);
    let mine = (Some(case.differs.unwrap_or(case.code)), case.requests);
    let same_output = case.differs.is_some() || theirs.2 == ours.2;
    if (theirs.0, theirs.1) == expected && (ours.0, ours.1) == mine && same_output {
        return None;
    }
    Some(format!(
        "{}: curl {theirs:?}, curl-trigger {ours:?}, expected {expected:?} and {mine:?}",
        case.about
    ))
}
