use super::*;
use crate::options::{self, Command};
use proptest::prelude::*;
use std::{string::String, vec, vec::Vec};

/// The text of each file by its path.
struct StubFiles(&'static [(&'static str, &'static str)]);

impl ReadFile for StubFiles {
    fn read(&mut self, path: &str, _limit: usize) -> Result<Vec<u8>, String> {
        let found = self.0.iter().find(|(known, _)| *known == path);
        found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| "no such file".into())
    }
}

const FILES: [(&str, &str); 3] =
    [("/secret", "from file\n"), ("/headers", "X-A: 1\r\nX-B: 2\n\n"), ("/data", "a\r\nb\n")];

fn plan_of(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Plan, Failure> {
    let Command::Run(options) = options::parse(arguments, &mut StubFiles(&FILES))? else {
        panic!("not a request")
    };
    Plan::new(&options, &Environment::new(variables), &mut StubFiles(&FILES), Flavor::Plain)
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
    assert_eq!((plan.name.as_str(), plan.fail), ("nightly", FailMode::WithBody));
    assert_eq!(plan.secrets.mask("s3cret t0ken"), "*** ***");
}

#[test]
fn a_secret_may_come_from_a_mounted_file() {
    let plan = plan(&[], &[URL, ("INTERNAL_TOKEN_FILE", "/secret")]);
    assert_eq!(plan.request.headers.get("X-Internal-Token"), Some("from file"));
}

#[test]
fn credentials_of_the_environment_are_not_sent_to_a_url_of_the_command_line() {
    let plan = plan(&["-X", "POST", "http://elsewhere"], &[URL, ("ADMIN_SECRET", "s3cret")]);
    assert_eq!(plan.request.headers.get("X-Admin-Secret"), None);
    assert_eq!(plan.fail, FailMode::Never);
}

#[test]
fn a_header_of_the_command_line_overrides_the_environment() {
    let plan = plan(&["-H", "x-admin-secret: other"], &[URL, ("ADMIN_SECRET", "s3cret")]);
    assert_eq!(plan.request.headers.get("X-Admin-Secret"), Some("other"));
    let keyed = self::plan(&["-H", "Idempotency-Key: mine"], &[URL, ("JOB_NAME", "j")]);
    assert_eq!(keyed.request.headers.get("idempotency-key"), Some("mine"));
}

#[test]
fn methods_that_are_not_idempotent_send_a_key() {
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
fn invalid_input_is_rejected_before_a_request_is_sent() {
    let injected = ("ADMIN_SECRET", "a\r\nX-Evil: 1");
    for (arguments, variables, code) in [
        (vec![], vec![], ExitCode::Usage),
        (vec![], vec![URL, injected], ExitCode::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET", "a"), ("ADMIN_SECRET_FILE", "/secret")], ExitCode::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET", " ")], ExitCode::Usage),
        (vec![], vec![URL, ("ADMIN_SECRET_FILE", "/absent")], ExitCode::Read),
        (vec![], vec![("TRIGGER_URL", "http://a/\r\nX: y")], ExitCode::BadUrl),
        (vec!["http://a", "-H", "A: b\nC: d"], vec![], ExitCode::Usage),
        (vec!["http://a", "-A", "b\nC: d"], vec![], ExitCode::Usage),
        (vec!["http://a", "-d", "@/absent"], vec![], ExitCode::Read),
        (vec!["https://a"], vec![], ExitCode::UnsupportedProtocol),
    ] {
        let failure = plan_of(&arguments, &variables).err().expect("rejected");
        assert_eq!(failure.code, code, "{arguments:?} {variables:?}");
        assert!(!failure.message.contains("Evil"));
    }
}

#[test]
fn time_limits_have_defaults_and_zero_removes_them() {
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
fn the_name_is_the_option_else_the_variable_else_the_cronjob_else_the_url() {
    assert_eq!(plan(&["--name", "N"], &[URL, ("TRIGGER_NAME", "M")]).name, "N");
    assert_eq!(plan(&[], &[URL, ("TRIGGER_NAME", "M")]).name, "M");
    assert_eq!(plan(&[], &[URL, ("POD_NAME", "sync-29384720-x7k2p")]).name, "sync");
    assert_eq!(plan(&[], &[URL]).name, "backend-service/api/x");
}

proptest! {
    #[test]
    fn no_environment_adds_a_line_to_the_request(
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

/// The request line without the version, and the body.
fn sent(arguments: &[&str]) -> (String, String) {
    let request = plan(arguments, &[]).request;
    let body = String::from_utf8(request.body.unwrap_or_default()).expect("text");
    (format!("{} {}", request.method, request.url.target), body)
}

#[test]
fn options_choose_the_method_and_the_place_of_the_data() {
    for (arguments, line, body) in [
        (&["http://a", "-I"][..], "HEAD /", ""),
        (&["http://a", "-G", "-d", "x=1", "-d", "y=%2F"], "GET /?x=1&y=%2f", ""),
        (&["http://a?z", "-G", "--data-urlencode", "x=a b"], "GET /?z&x=a+b", ""),
        (&["http://a", "-I", "-G", "-d", "x"], "HEAD /?x", ""),
        (&["http://a/b/", "-T", "/data"], "PUT /b/data", "a\r\nb\n"),
        (&["http://a/b?c", "-T", "/data", "-X", "POST"], "POST /b?c", "a\r\nb\n"),
        (&["http://a", "--data-urlencode", "@/data"], "POST /", "a%0D%0Ab%0A"),
        (&["http://a/{b}"], "GET /b", ""),
        (&["http://a/{b}", "-g"], "GET /{b}", ""),
    ] {
        assert_eq!(sent(arguments), (line.to_string(), body.to_string()), "{arguments:?}");
    }
    for conflict in [&["-d", "x", "-F", "a=b"][..], &["-I", "-d", "x"], &["-T", "/data", "-I"]] {
        let failure = plan_of(&[&["http://a"], conflict].concat(), &[]).err().expect("rejected");
        assert_eq!(failure.code, ExitCode::Usage, "{conflict:?}");
    }
}

#[test]
fn a_form_is_the_same_in_every_attempt_and_its_boundary_is_in_no_part() {
    let first = sent(&["http://a", "-F", "a=b"]).1;
    assert_eq!(first, sent(&["http://a", "-F", "a=b"]).1);
    let boundary = first.lines().next().expect("a line");
    let other = sent(&["http://a", "-F", &format!("a={boundary}")]).1;
    assert!(!other.starts_with(&format!("{boundary}\r\n")) && other.contains(boundary));
}

#[test]
fn a_user_and_a_password_are_sent_encoded_and_are_masked() {
    let by_option = plan(&["-u", "name:pass:word", "http://a"], &[]);
    let by_variable = plan(&[], &[URL, ("BASIC_AUTH", "name:pass:word")]);
    for plan in [by_option, by_variable] {
        let value = plan.request.headers.get("Authorization");
        assert_eq!(value, Some("Basic bmFtZTpwYXNzOndvcmQ="));
        assert_eq!(plan.secrets.mask("Basic bmFtZTpwYXNzOndvcmQ="), "***");
    }
    assert_eq!(plan(&["-u", "name:pass:word", "http://a"], &[]).secrets.mask("pass:word"), "***");
    let both = plan_of(&[], &[URL, ("BASIC_AUTH", "a:b"), ("BEARER_TOKEN_FILE", "/secret")]);
    assert!(both.err().expect("rejected").message.contains("BASIC_AUTH"));
}

#[test]
fn a_malformed_header_is_named_by_its_position() {
    for (arguments, place) in [
        (&["-H", "X-A: b", "-H", "hunter2"][..], "-H number 2"),
        (&["-H", "X-A : hunter2"], "-H number 1"),
        (&["-H", "X-A: hunter2\x01"], "-H number 1"),
    ] {
        let failure = plan_of(&[&["http://a"], arguments].concat(), &[]).err().expect("rejected");
        assert!(
            failure.message.contains(place) && !failure.message.contains("hunter2"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn variables_that_were_not_expanded_are_named_with_their_place() {
    let plan = plan(&["http://a/${ID}", "-H", "X-Key: $(KEY)", "-d", "x=${Y}&z=$5", "-d", "@/data"], &[]);
    assert_eq!(plan.request.url.target, "/$ID");
    let places: Vec<_> =
        plan.warnings.iter().filter_map(|warning| warning.split(" literally").next()).collect();
    assert_eq!(
        places,
        [
            "warning: the URL contains ${ID}",
            "warning: the header X-Key contains $(KEY)",
            "warning: the body contains ${Y}",
        ]
    );
}
