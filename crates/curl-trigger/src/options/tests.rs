use super::*;
use alloc::vec;
use proptest::prelude::*;

fn options(arguments: &[&str]) -> Options {
    match parse(arguments.iter().copied()).expect("understood") {
        Command::Run(options) => *options,
        other => panic!("{other:?}"),
    }
}

fn refusal(arguments: &[&str]) -> String {
    let failure = parse(arguments.iter().copied()).expect_err("refused");
    assert_eq!(failure.code, crate::exit::Code::Usage);
    failure.message.clone()
}

#[test]
fn the_arguments_of_the_replaced_cronjob_are_understood() {
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
    assert_eq!((read.fail, read.silent, read.show_error), (Fail::WithoutBody, true, true));
    assert_eq!((read.max_time, read.retry.retries), (Some(Duration::from_secs(30)), 3));
}

#[test]
fn flags_combine_and_values_may_be_attached() {
    let read = options(&["-sSfXPUT", "-Ha: b", "--", "-u"]);
    assert_eq!((read.method.as_deref(), read.url.as_deref()), (Some("PUT"), Some("-u")));
    assert!(read.silent && read.show_error && read.fail == Fail::WithoutBody);
    assert!(!options(&["-s", "--no-silent"]).silent);
}

#[test]
fn bodies_come_from_arguments_and_files() {
    let read = options(&["-d", "a=1", "-d@f", "--data-binary", "@-", "--data-raw", "@x", "--json", "{}"]);
    let expected = vec![
        Data::Text("a=1".into()),
        Data::FileWithoutBreaks("f".into()),
        Data::File("-".into()),
        Data::Text("@x".into()),
        Data::Text("{}".into()),
    ];
    assert_eq!(read.data, expected);
    assert!(read.json);
}

#[test]
fn seconds_may_have_decimals() {
    assert_eq!(options(&["-m", "0.25"]).max_time, Some(Duration::from_millis(250)));
    assert_eq!(options(&["-m", "2.0009"]).max_time, Some(Duration::from_secs(2)));
    for wrong in ["", "x", "-1", "1.", ".5x", "1e3"] {
        assert!(refusal(&["-m", wrong]).contains("-m"));
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    for name in
        ["-k", "-u", "-x", "-F", "-T", "-G", "-I", "--compressed", "--insecure", "--proxy", "--no-request"]
    {
        assert!(refusal(&[name, "v"]).contains(name), "{name}");
    }
    assert!(refusal(&["-sk"]).contains("-k"));
    assert!(!refusal(&["--token=hunter2"]).contains("hunter2"));
    assert!(!refusal(&["http://a", "hunter2"]).contains("hunter2"));
    assert!(refusal(&["-X"]).contains("-X"));
    assert!(refusal(&["-X", "A B"]).contains("-X"));
    assert!(refusal(&["--retry", "many"]).contains("--retry"));
}

#[test]
fn help_and_version_are_answered_at_once() {
    assert_eq!(parse(["-sh", "-k"].into_iter()), Ok(Command::Help));
    assert_eq!(parse(["--version"].into_iter()), Ok(Command::Version));
    for option in ["--fail-with-body", "-X, --request", "--wait-timeout SECONDS"] {
        assert!(help().contains(option), "{option}");
    }
}

proptest! {
    #[test]
    fn no_arguments_break_the_parser(words in proptest::collection::vec("-{0,2}[a-zA-Zé=@ ]{0,9}", 0..8)) {
        let _ = parse(words.iter().map(String::as_str));
    }
}
