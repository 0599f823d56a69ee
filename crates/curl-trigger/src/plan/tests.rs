use super::*;
use crate::options::{self, Command};
use proptest::prelude::*;
use std::{string::String, vec};

/// Files by path.
struct Files(&'static [(&'static str, &'static str)]);

impl ReadFile for Files {
    fn read(&mut self, path: &str, _limit: usize) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(known, _)| *known == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "no such file".into())
    }
}

const FILES: [(&str, &str); 3] =
    [("/secret", "from file\n"), ("/headers", "X-A: 1\r\nX-B: 2\n\n"), ("/data", "a\r\nb\n")];

fn plan_of(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Plan, Failure> {
    let Command::Run(options) = options::parse(arguments.iter().copied())? else { panic!("a run") };
    Plan::new(&options, &Environment::new(variables), &mut Files(&FILES), Flavour::Plain)
}

fn plan(arguments: &[&str], variables: &[(&str, &str)]) -> Plan {
    plan_of(arguments, variables).unwrap_or_else(|failure| panic!("{failure:?}"))
}

const URL: (&str, &str) = ("TRIGGER_URL", "http://backend-service:8000/api/x");

#[test]
fn the_environment_alone_is_enough() {
    let plan = plan(
        &[],
        &[URL, ("ADMIN_SECRET", "s3cret"), ("BEARER_TOKEN", "t0ken"), ("JOB_NAME", "nightly-29384720")],
    );
    let headers = &plan.request.headers;
    assert_eq!(plan.request.method, "POST");
    assert_eq!(headers.get("X-Admin-Secret"), Some("s3cret"));
    assert_eq!(headers.get("Authorization"), Some("Bearer t0ken"));
    assert_eq!(headers.get("Idempotency-Key"), Some("\"nightly-29384720\""));
    assert_eq!((plan.name.as_str(), plan.fail), ("nightly", Fail::WithBody));
    assert_eq!(plan.secrets.clean("s3cret t0ken"), "*** ***");
}

#[test]
fn a_secret_may_come_from_a_mounted_file() {
    let plan = plan(&[], &[URL, ("INTERNAL_TOKEN_FILE", "/secret")]);
    assert_eq!(plan.request.headers.get("X-Internal-Token"), Some("from file"));
}

#[test]
fn credentials_of_the_environment_stay_away_from_urls_of_the_command_line() {
    let plan = plan(&["-X", "POST", "http://elsewhere"], &[URL, ("ADMIN_SECRET", "s3cret")]);
    assert_eq!(plan.request.headers.get("X-Admin-Secret"), None);
    assert_eq!(plan.fail, Fail::No);
}

#[test]
fn a_header_of_the_command_line_comes_before_the_environment() {
    let plan = plan(&["-H", "x-admin-secret: other"], &[URL, ("ADMIN_SECRET", "s3cret")]);
    assert_eq!(plan.request.headers.get("X-Admin-Secret"), Some("other"));
    let keyed = self::plan(&["-H", "Idempotency-Key: mine"], &[URL, ("JOB_NAME", "j")]);
    assert_eq!(keyed.request.headers.get("idempotency-key"), Some("mine"));
}

#[test]
fn a_key_goes_with_methods_that_are_not_safe_to_repeat() {
    let job = [("JOB_NAME", "j")];
    for (arguments, expected) in [
        (&["http://a", "-d", ""][..], Some("\"j\"")),
        (&["http://a", "-X", "PUT"], None),
        (&["http://a"], None),
        (&["http://a", "-XPOST", "--idempotency-key", ""], None),
        (&["http://a", "-XPOST", "--idempotency-key", "k 1"], Some("\"k 1\"")),
    ] {
        assert_eq!(plan(arguments, &job).request.headers.get("Idempotency-Key"), expected, "{arguments:?}");
    }
    assert!(plan_of(&["http://a", "-XPOST", "--idempotency-key", "a\nb"], &[]).is_err());
}

#[test]
fn bodies_and_headers_are_read_from_files() {
    let built = plan(&["http://a", "-d", "x=1", "-d", "@/data", "-H", "@/headers"], &[]);
    assert_eq!(built.request.body.as_deref(), Some(&b"x=1&ab"[..]));
    assert_eq!(built.request.headers.get("X-B"), Some("2"));
    assert_eq!(built.request.headers.get("Content-Type"), Some("application/x-www-form-urlencoded"));
    let json = plan(&["http://a", "--json", "[1,", "--json", "2]"], &[]);
    assert_eq!(json.request.body.as_deref(), Some(&b"[1,2]"[..]));
    assert_eq!(json.request.headers.get("Accept"), Some("application/json"));
    let binary = plan(&["http://a", "--data-binary", "@/data"], &[]);
    assert_eq!(binary.request.body.as_deref(), Some(&b"a\r\nb\n"[..]));
}

#[test]
fn what_can_not_work_is_refused_before_anything_is_sent() {
    let injected = ("ADMIN_SECRET", "a\r\nX-Evil: 1");
    for (arguments, variables, code) in [
        (vec![], vec![], Code::Usage),
        (vec![], vec![URL, injected], Code::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET", "a"), ("ADMIN_SECRET_FILE", "/secret")], Code::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET", " ")], Code::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET_FILE", "/absent")], Code::Read),
        (vec![], vec![("TRIGGER_URL", "http://a/\r\nX: y")], Code::BadUrl),
        (vec!["http://a", "-H", "A: b\nC: d"], vec![], Code::Usage),
        (vec!["http://a", "-A", "b\nC: d"], vec![], Code::Usage),
        (vec!["http://a", "-d", "@/absent"], vec![], Code::Read),
        (vec!["https://a"], vec![], Code::UnsupportedProtocol),
    ] {
        let failure = plan_of(&arguments, &variables).err().expect("refused");
        assert_eq!(failure.code, code, "{arguments:?} {variables:?}");
        assert!(!failure.message.contains("Evil"));
    }
}

#[test]
fn times_have_defaults_and_zero_lifts_the_limit() {
    assert_eq!(plan(&["a"], &[]).max_time, Some(DEFAULT_MAX_TIME));
    assert_eq!(plan(&["a", "-m", "0"], &[]).max_time, None);
    assert_eq!(plan(&["a", "--wait", "-m", "7"], &[]).wait, Some(Duration::from_secs(7)));
    assert_eq!(
        plan(&["a", "--wait", "-m", "7", "--wait-timeout", "9"], &[]).wait,
        Some(Duration::from_secs(9))
    );
    assert_eq!(plan(&["a", "--wait"], &[]).wait, Some(wait::DEFAULT_TIMEOUT));
}

#[test]
fn the_name_is_what_people_call_it() {
    assert_eq!(plan(&["--name", "N"], &[URL, ("TRIGGER_NAME", "M")]).name, "N");
    assert_eq!(plan(&[], &[URL, ("TRIGGER_NAME", "M")]).name, "M");
    assert_eq!(plan(&[], &[URL, ("POD_NAME", "sync-29384720-x7k2p")]).name, "sync");
    assert_eq!(plan(&[], &[URL]).name, "backend-service/api/x");
}

proptest! {
    #[test]
    fn no_environment_puts_a_line_of_its_own_into_the_request(
        secret in "[\\x00-\\x7f]{1,20}",
        job in "[\\x00-\\x7f]{0,20}",
        agent in "[\\x00-\\x7f]{0,20}",
    ) {
        let variables = [URL, ("ADMIN_SECRET", secret.as_str()), ("JOB_NAME", job.as_str())];
        if let Ok(plan) = plan_of(&["-A", &agent], &variables) {
            let head = plan.request.head();
            let lines: Vec<&str> = head.split("\r\n").collect();
            prop_assert!(lines.len() <= 10, "{head:?}");
            prop_assert!(lines.iter().all(|line| !line.contains(['\r', '\n', '\0'])));
        }
    }
}
