use super::*;
use alloc::vec;
use proptest::prelude::*;

fn options(arguments: &[&str]) -> Options {
    match parse(arguments.iter().copied()).expect("valid arguments") {
        Command::Run(options) => *options,
        other => panic!("{other:?}"),
    }
}

fn rejection(arguments: &[&str]) -> String {
    let failure = parse(arguments.iter().copied()).expect_err("rejected");
    assert_eq!(failure.code, crate::exit::ExitCode::Usage);
    failure.message.clone()
}

#[test]
fn the_arguments_of_the_replaced_cronjob_are_supported() {
    let read = options(&[
        "-f",
        "-sS",
        "-X",
        "POST",
        "http://b:8000/x",
        "-H",
        "X-Admin-Secret: s",
        "-m30",
        "--retry",
        "3",
    ]);
    assert_eq!(read.url.as_deref(), Some("http://b:8000/x"));
    assert_eq!(read.method.as_deref(), Some("POST"));
    assert_eq!(read.headers, ["X-Admin-Secret: s"]);
    assert_eq!((read.fail, read.silent, read.show_error), (FailMode::WithoutBody, true, true));
    assert_eq!((read.max_time, read.retry.retries), (Some(Duration::from_secs(30)), 3));
}

#[test]
fn flags_combine_and_values_may_be_attached() {
    let read = options(&["-sSfXPUT", "-Ha: b", "--", "-u"]);
    assert_eq!((read.method.as_deref(), read.url.as_deref()), (Some("PUT"), Some("-u")));
    assert!(read.silent && read.show_error && read.fail == FailMode::WithoutBody);
    assert!(!options(&["-s", "--no-silent"]).silent);
}

#[test]
fn bodies_come_from_arguments_and_files() {
    let read = options(&["-d", "a=1", "-d@f", "--data-binary", "@-", "--data-raw", "@x", "--json", "{}"]);
    let expected = vec![
        BodyPart::Text("a=1".into()),
        BodyPart::FileWithoutLineBreaks("f".into()),
        BodyPart::File("-".into()),
        BodyPart::Text("@x".into()),
        BodyPart::Text("{}".into()),
    ];
    assert_eq!(read.data, expected);
    assert!(read.json);
}

#[test]
fn seconds_may_have_decimals() {
    assert_eq!(options(&["-m", "0.25"]).max_time, Some(Duration::from_millis(250)));
    assert_eq!(options(&["-m", "2.0009"]).max_time, Some(Duration::from_secs(2)));
    for invalid in ["", "x", "-1", "1.", ".5x", "1e3"] {
        assert!(rejection(&["-m", invalid]).contains("-m"));
    }
}

#[test]
fn the_error_for_an_unsupported_option_contains_its_name() {
    for name in
        ["-k", "-u", "-x", "-F", "-T", "-G", "-I", "--compressed", "--insecure", "--proxy", "--no-request"]
    {
        assert!(rejection(&[name, "v"]).contains(name), "{name}");
    }
    assert!(rejection(&["-sk"]).contains("-k"));
    assert!(!rejection(&["--token=hunter2"]).contains("hunter2"));
    assert!(!rejection(&["http://a", "hunter2"]).contains("hunter2"));
    assert!(rejection(&["-X"]).contains("-X"));
    assert!(rejection(&["-X", "A B"]).contains("-X"));
    assert!(rejection(&["--retry", "many"]).contains("--retry"));
}

#[test]
fn help_and_version_ignore_all_other_arguments() {
    assert_eq!(parse(["-sh", "-k"].into_iter()), Ok(Command::Help));
    assert_eq!(parse(["--version"].into_iter()), Ok(Command::Version));
    for option in ["--fail-with-body", "-X, --request", "--wait-timeout SECONDS"] {
        assert!(help().contains(option), "{option}");
    }
}

proptest! {
    #[test]
    fn no_arguments_crash_the_parser(arguments in proptest::collection::vec("-{0,2}[a-zA-Zé=@ ]{0,9}", 0..8)) {
        let _ = parse(arguments.iter().map(String::as_str));
    }
}
