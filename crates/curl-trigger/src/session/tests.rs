use super::*;
use crate::{
    environment::Environment,
    files::ReadFile,
    options::{self, Command},
};
use alloc::{vec, vec::Vec};
use proptest::prelude::*;

struct NoFiles;

impl ReadFile for NoFiles {
    fn read(&mut self, _path: &str, _limit: usize) -> Result<Vec<u8>, String> {
        Err("no such file".into())
    }
}

fn plan(arguments: &[&str]) -> Plan {
    let variables =
        [("TRIGGER_URL", "http://b:8000/v1/targets/t/runs"), ("ADMIN_SECRET", "s3cret"), ("JOB_NAME", "j")];
    let Ok(Command::Run(options)) = options::parse(arguments, &mut NoFiles) else { panic!("options") };
    Plan::new(&options, &Environment::new(&variables), &mut NoFiles, Flavor::Plain).expect("plan")
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> TransferResult {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let head = Head { status, reason: String::new(), headers, minor_version: 1, raw: vec![] };
    TransferResult { failure: None, head: Some(head), body: body.into() }
}

fn failure(code: ExitCode) -> TransferResult {
    TransferResult { failure: Some(Failure::new(code, format_args!("failed"))), ..TransferResult::default() }
}

struct SessionTrace {
    outcome: Outcome,
    sent: Vec<Request>,
    paused: Vec<u64>,
    now: Duration,
}

/// Runs a session against these results; each transfer takes 10 ms, and the last result repeats.
fn trace(plan: &Plan, results: &[TransferResult]) -> SessionTrace {
    let mut now = Duration::from_millis(5);
    let mut session = Session::new(plan, Flavor::Plain, now);
    let (mut sent, mut paused) = (vec![], vec![]);
    loop {
        match session.next(now) {
            Step::Send(request, limits, _) => {
                assert!(limits.connect_by >= now && limits.done_by.is_none_or(|by| by > now));
                let result = results.get(sent.len()).or(results.last()).expect("a result");
                sent.push(request);
                now += Duration::from_millis(10);
                session.record_transfer(result, now, 0);
            }
            Step::Pause(until, _) => {
                paused.push(until.saturating_sub(now).as_secs());
                now = now.max(until);
            }
            Step::Finish(outcome) => {
                return SessionTrace { outcome, sent, paused, now };
            }
        }
    }
}

#[test]
fn a_successful_call_reports_the_name_and_the_run() {
    let trace = trace(&plan(&["--name", "n"]), &[response(202, &[], r#"{"run_id":"run_1"}"#)]);
    assert_eq!(trace.outcome.line, "✅ n triggered successfully (HTTP 202, run_1)");
    assert_eq!((trace.outcome.code, trace.sent.len()), (ExitCode::Ok, 1));
}

#[test]
fn only_a_2xx_is_a_success_with_a_url_of_the_environment() {
    for status in [302, 401, 500] {
        let trace = trace(&plan(&[]), &[response(status, &[("Location", "/login")], "")]);
        assert_eq!(trace.outcome.code, ExitCode::HttpStatus, "{status}");
        assert!(trace.outcome.line.starts_with('❌'));
    }
    let as_curl = trace(&plan(&["http://b/"]), &[response(500, &[], "")]);
    assert_eq!(as_curl.outcome.code, ExitCode::Ok);
    assert!(as_curl.outcome.line.starts_with('❌'));
}

#[test]
fn retries_repeat_the_call_with_the_same_key() {
    let results =
        [response(503, &[("Retry-After", "7")], ""), failure(ExitCode::Timeout), response(202, &[], "")];
    let trace = trace(&plan(&["--retry", "3"]), &results);
    assert_eq!((trace.outcome.code, trace.sent.len()), (ExitCode::Ok, 3));
    assert!(trace.sent.iter().all(|request| request.headers.get("Idempotency-Key") == Some("\"j\"")));
    assert_eq!(trace.paused[0], 7);
}

#[test]
fn redirects_are_followed_up_to_the_limit_and_only_with_the_option() {
    let redirect = response(307, &[("Location", "/next")], "");
    assert_eq!(trace(&plan(&[]), core::slice::from_ref(&redirect)).sent.len(), 1);
    let trace = trace(&plan(&["-L", "--max-redirs", "3"]), &[redirect]);
    assert_eq!((trace.outcome.code, trace.sent.len()), (ExitCode::TooManyRedirects, 4));
}

#[test]
fn waiting_polls_until_the_run_ends() {
    let results = [
        response(
            202,
            &[("Location", "/v1/runs/r1"), ("Retry-After", "2")],
            r#"{"run_id":"r1","state":"pending"}"#,
        ),
        response(200, &[], r#"{"state":"running"}"#),
        failure(ExitCode::Connect),
        response(503, &[], ""),
        response(200, &[], r#"{"state":"succeeded"}"#),
    ];
    let trace = trace(&plan(&["--wait", "--name", "n"]), &results);
    assert!(trace.outcome.line.starts_with("✅ n succeeded (r1, after "), "{}", trace.outcome.line);
    let poll = &trace.sent[1];
    assert_eq!((poll.method.as_str(), poll.url.target.as_str()), ("GET", "/v1/runs/r1"));
    assert_eq!(poll.headers.get("X-Admin-Secret"), Some("s3cret"));
    assert_eq!(poll.headers.get("Idempotency-Key"), None);
    assert_eq!(trace.paused[0], 2);
}

#[test]
fn the_outcome_of_a_run_is_the_exit_code() {
    for (state, code) in [
        ("failed", ExitCode::RunFailed),
        ("cancelled", ExitCode::RunCancelled),
        ("interrupted", ExitCode::RunInterrupted),
        ("unheard-of", ExitCode::RunUnknown),
    ] {
        let run = response(200, &[], &format!("{{\"state\":\"{state}\",\"reason\":\"why\"}}"));
        let trace = trace(&plan(&["--wait"]), &[response(202, &[("Location", "/r/1")], ""), run]);
        assert_eq!(trace.outcome.code, code);
    }
}

#[test]
fn a_run_whose_state_can_not_be_read_is_a_failure() {
    for (second, code) in
        [(response(404, &[], ""), ExitCode::HttpStatus), (response(200, &[], "{}"), ExitCode::RunUnknown)]
    {
        let trace = trace(&plan(&["--wait"]), &[response(202, &[("Location", "/r/1")], ""), second]);
        assert_eq!(trace.outcome.code, code);
    }
    assert_eq!(trace(&plan(&["--wait"]), &[response(200, &[], "")]).outcome.code, ExitCode::RunUnknown);
}

#[test]
fn credentials_are_not_sent_to_another_server_of_a_run() {
    let results = [
        response(202, &[("Location", "http://evil/r/1")], ""),
        response(200, &[], r#"{"state":"succeeded"}"#),
    ];
    let trace = trace(&plan(&["--wait"]), &results);
    assert_eq!(trace.sent[1].url.authority(), "evil");
    assert_eq!(trace.sent[1].headers.get("X-Admin-Secret"), None);
}

#[test]
fn waiting_ends_at_its_time_limit() {
    let results = [response(202, &[("Location", "/r/1")], ""), response(200, &[], r#"{"state":"running"}"#)];
    let trace = trace(&plan(&["--wait", "--wait-timeout", "25"]), &results);
    assert_eq!(trace.outcome.code, ExitCode::Timeout);
    assert!((25..27).contains(&trace.now.as_secs()), "{:?}", trace.now);
}

fn any_transfer() -> impl Strategy<Value = TransferResult> {
    let status = prop_oneof![Just(200u16), Just(202), Just(302), Just(307), Just(404), Just(429), Just(503)];
    let location = prop_oneof![Just(""), Just("/r/1"), Just("http://[bad"), Just("https://b/"), Just("x y")];
    let body =
        prop_oneof![Just("{}"), Just(r#"{"state":"running"}"#), Just(r#"{"run_id":"r","status":"failed"}"#)];
    let responses = (status, location, 0u64..100_000, body).prop_map(|(status, location, pause, body)| {
        response(status, &[("Location", location), ("Retry-After", &pause.to_string())], body)
    });
    let code = prop_oneof![
        Just(ExitCode::Timeout),
        Just(ExitCode::Connect),
        Just(ExitCode::Resolve),
        Just(ExitCode::Receive)
    ];
    prop_oneof![responses, code.prop_map(failure)]
}

proptest! {
    #[test]
    fn every_session_ends_within_its_limits(
        results in proptest::collection::vec(any_transfer(), 1..12),
        wait in any::<bool>(),
        follow in any::<bool>(),
    ) {
        let mut arguments = vec!["--retry", "3", "--retry-max-time", "50", "--wait-timeout", "90"];
        arguments.extend(wait.then_some("--wait"));
        arguments.extend(follow.then_some("-L"));
        let trace = trace(&plan(&arguments), &results);
        prop_assert!(trace.sent.len() <= 4 * 51 + 90, "{}", trace.sent.len());
        prop_assert!(trace.now <= Duration::from_secs(50 + 90 + 10));
        prop_assert!(!trace.outcome.line.contains(['\n', '\r']) && !trace.outcome.line.contains("s3cret"));
        for request in trace.sent.iter().filter(|request| request.url.authority() != "b:8000") {
            prop_assert!(request.headers.get("X-Admin-Secret").is_none());
        }
    }
}
