use super::*;
use crate::{
    environment::Environment,
    options::{self, Command},
    plan::ReadFile,
};
use alloc::vec;
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
    let Ok(Command::Run(options)) = options::parse(arguments.iter().copied()) else { panic!("options") };
    Plan::new(&options, &Environment::new(&variables), &mut NoFiles, Flavour::Plain).expect("plan")
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Transfer {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let head = Head { status, reason: String::new(), headers, minor_version: 1, raw: vec![] };
    Transfer { failure: None, head: Some(head), body: body.into() }
}

fn broken(code: Code) -> Transfer {
    Transfer { failure: Some(Failure::new(code, format_args!("broken"))), ..Transfer::default() }
}

struct Course {
    ending: Ending,
    sent: Vec<Request>,
    paused: Vec<u64>,
    now: Duration,
}

/// Runs a session against these answers, each transfer taking 10 ms; the last answer repeats.
fn course(plan: &Plan, answers: &[Transfer]) -> Course {
    let mut now = Duration::from_millis(5);
    let mut session = Session::new(plan, Flavour::Plain, now);
    let (mut sent, mut paused) = (vec![], vec![]);
    loop {
        match session.next(now) {
            Step::Send(request, limits, _) => {
                assert!(limits.connect_by >= now && limits.done_by.is_none_or(|by| by > now));
                let answer = answers.get(sent.len()).or(answers.last()).expect("an answer");
                sent.push(request);
                now += Duration::from_millis(10);
                session.transferred(answer, now, 0);
            }
            Step::Pause(until, _) => {
                paused.push(until.saturating_sub(now).as_secs());
                now = now.max(until);
            }
            Step::End(ending) => {
                return Course { ending, sent, paused, now };
            }
        }
    }
}

#[test]
fn a_taken_call_ends_with_the_name_and_the_run() {
    let course = course(&plan(&["--name", "n"]), &[answer(202, &[], r#"{"run_id":"run_1"}"#)]);
    assert_eq!(course.ending.line, "✅ n triggered successfully (HTTP 202, run_1)");
    assert_eq!((course.ending.code, course.sent.len()), (Code::Ok, 1));
}

#[test]
fn only_a_2xx_is_a_success_when_the_environment_gave_the_url() {
    for status in [302, 401, 500] {
        let course = course(&plan(&[]), &[answer(status, &[("Location", "/login")], "")]);
        assert_eq!(course.ending.code, Code::HttpStatus, "{status}");
        assert!(course.ending.line.starts_with('❌'));
    }
    let as_curl = course(&plan(&["http://b/"]), &[answer(500, &[], "")]);
    assert_eq!(as_curl.ending.code, Code::Ok);
    assert!(as_curl.ending.line.starts_with('❌'));
}

#[test]
fn retries_repeat_the_call_with_the_same_key() {
    let answers = [answer(503, &[("Retry-After", "7")], ""), broken(Code::Timeout), answer(202, &[], "")];
    let course = course(&plan(&["--retry", "3"]), &answers);
    assert_eq!((course.ending.code, course.sent.len()), (Code::Ok, 3));
    assert!(course.sent.iter().all(|request| request.headers.get("Idempotency-Key") == Some("\"j\"")));
    assert_eq!(course.paused[0], 7);
}

#[test]
fn redirects_are_followed_up_to_the_limit_and_only_with_the_option() {
    let around = answer(307, &[("Location", "/next")], "");
    assert_eq!(course(&plan(&[]), core::slice::from_ref(&around)).sent.len(), 1);
    let course = course(&plan(&["-L", "--max-redirs", "3"]), &[around]);
    assert_eq!((course.ending.code, course.sent.len()), (Code::TooManyRedirects, 4));
}

#[test]
fn waiting_asks_until_the_run_is_over() {
    let answers = [
        answer(
            202,
            &[("Location", "/v1/runs/r1"), ("Retry-After", "2")],
            r#"{"run_id":"r1","state":"pending"}"#,
        ),
        answer(200, &[], r#"{"state":"running"}"#),
        broken(Code::Connect),
        answer(503, &[], ""),
        answer(200, &[], r#"{"state":"succeeded"}"#),
    ];
    let course = course(&plan(&["--wait", "--name", "n"]), &answers);
    assert!(course.ending.line.starts_with("✅ n succeeded (r1, after "), "{}", course.ending.line);
    let question = &course.sent[1];
    assert_eq!((question.method.as_str(), question.url.target.as_str()), ("GET", "/v1/runs/r1"));
    assert_eq!(question.headers.get("X-Admin-Secret"), Some("s3cret"));
    assert_eq!(question.headers.get("Idempotency-Key"), None);
    assert_eq!(course.paused[0], 2);
}

#[test]
fn the_outcome_of_a_run_is_the_exit_code() {
    for (state, code) in [
        ("failed", Code::RunFailed),
        ("cancelled", Code::RunCancelled),
        ("interrupted", Code::RunInterrupted),
        ("unheard-of", Code::RunUnknown),
    ] {
        let told = answer(200, &[], &format!("{{\"state\":\"{state}\",\"reason\":\"why\"}}"));
        let course = course(&plan(&["--wait"]), &[answer(202, &[("Location", "/r/1")], ""), told]);
        assert_eq!(course.ending.code, code);
    }
}

#[test]
fn a_run_that_can_not_be_followed_is_no_success() {
    for (second, code) in
        [(answer(404, &[], ""), Code::HttpStatus), (answer(200, &[], "{}"), Code::RunUnknown)]
    {
        let course = course(&plan(&["--wait"]), &[answer(202, &[("Location", "/r/1")], ""), second]);
        assert_eq!(course.ending.code, code);
    }
    assert_eq!(course(&plan(&["--wait"]), &[answer(200, &[], "")]).ending.code, Code::RunUnknown);
}

#[test]
fn credentials_do_not_follow_a_run_to_another_server() {
    let answers =
        [answer(202, &[("Location", "http://evil/r/1")], ""), answer(200, &[], r#"{"state":"succeeded"}"#)];
    let course = course(&plan(&["--wait"]), &answers);
    assert_eq!(course.sent[1].url.authority(), "evil");
    assert_eq!(course.sent[1].headers.get("X-Admin-Secret"), None);
}

#[test]
fn waiting_ends_when_its_time_is_up() {
    let answers = [answer(202, &[("Location", "/r/1")], ""), answer(200, &[], r#"{"state":"running"}"#)];
    let course = course(&plan(&["--wait", "--wait-timeout", "25"]), &answers);
    assert_eq!(course.ending.code, Code::Timeout);
    assert!((25..27).contains(&course.now.as_secs()), "{:?}", course.now);
}

fn any_transfer() -> impl Strategy<Value = Transfer> {
    let status = prop_oneof![Just(200u16), Just(202), Just(302), Just(307), Just(404), Just(429), Just(503)];
    let location = prop_oneof![Just(""), Just("/r/1"), Just("http://[bad"), Just("https://b/"), Just("x y")];
    let body =
        prop_oneof![Just("{}"), Just(r#"{"state":"running"}"#), Just(r#"{"run_id":"r","status":"failed"}"#)];
    let answered = (status, location, 0u64..100_000, body).prop_map(|(status, location, pause, body)| {
        answer(status, &[("Location", location), ("Retry-After", &pause.to_string())], body)
    });
    let code =
        prop_oneof![Just(Code::Timeout), Just(Code::Connect), Just(Code::Resolve), Just(Code::Receive)];
    prop_oneof![answered, code.prop_map(broken)]
}

proptest! {
    #[test]
    fn every_session_ends_within_its_limits(
        answers in proptest::collection::vec(any_transfer(), 1..12),
        wait in any::<bool>(),
        follow in any::<bool>(),
    ) {
        let mut arguments = vec!["--retry", "3", "--retry-max-time", "50", "--wait-timeout", "90"];
        arguments.extend(wait.then_some("--wait"));
        arguments.extend(follow.then_some("-L"));
        let course = course(&plan(&arguments), &answers);
        prop_assert!(course.sent.len() <= 4 * 51 + 90, "{}", course.sent.len());
        prop_assert!(course.now <= Duration::from_secs(50 + 90 + 10));
        prop_assert!(!course.ending.line.contains(['\n', '\r']) && !course.ending.line.contains("s3cret"));
        for request in course.sent.iter().filter(|request| request.url.authority() != "b:8000") {
            prop_assert!(request.headers.get("X-Admin-Secret").is_none());
        }
    }
}
