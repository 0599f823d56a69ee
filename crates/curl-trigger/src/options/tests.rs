use super::*;
use crate::{
    exit::{ExitCode, Failure},
    files::ReadFile,
};
use alloc::format;
use proptest::prelude::*;

/// A file at `/curlrc` with this text.
struct CurlrcFile(&'static str);

impl ReadFile for CurlrcFile {
    fn read(&mut self, path: &str, _limit: usize) -> Result<Vec<u8>, String> {
        if path == "/curlrc" { Ok(self.0.as_bytes().to_vec()) } else { Err("no such file".into()) }
    }
}

fn parsed(arguments: &[&str]) -> Result<Command, Failure> {
    parse(arguments, &mut CurlrcFile("# comment\nheader = \"X-A: b\"\nsilent\n-XPUT\n"))
}

fn options(arguments: &[&str]) -> Options {
    match parsed(arguments).expect("valid arguments") {
        Command::Run(options) => *options,
        other => panic!("{other:?}"),
    }
}

fn rejection(arguments: &[&str]) -> String {
    let failure = parsed(arguments).expect_err("rejected");
    assert_eq!(failure.code, ExitCode::Usage);
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
fn a_leading_curl_is_the_name_of_the_program() {
    for name in ["curl", "/usr/bin/curl"] {
        assert_eq!(options(&[name, "-s", "http://a"]), options(&["-s", "http://a"]));
    }
    assert!(rejection(&["http://a", "curl"]).contains("argument 2 is a second URL"));
}

#[test]
fn options_are_read_from_a_file() {
    let read = options(&["-K", "/curlrc", "-H", "X-C: d", "http://a"]);
    assert_eq!(read.headers, ["X-A: b", "X-C: d"]);
    assert_eq!((read.silent, read.method.as_deref()), (true, Some("PUT")));
    assert_eq!(parsed(&["-K", "/absent"]).expect_err("absent").code, ExitCode::Read);
    for (text, line) in
        [("silent\nnonsense = hunter2\n", "line 2"), ("header = X: hunter2\n", "line 1"), ("-K /x", "line 1")]
    {
        let failure = parse(&["-K", "/curlrc"], &mut CurlrcFile(text)).expect_err(text);
        assert!(
            failure.message.contains(line) && !failure.message.contains("hunter2"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn the_error_for_an_unsupported_option_has_its_name_and_advice() {
    for name in [
        "-x",
        "-O",
        "-Z",
        "-:",
        "-c",
        "-n",
        "--proxy",
        "--proxy-user",
        "--socks5",
        "--next",
        "--cert",
        "--trace-ascii",
    ] {
        let message = rejection(&[name, "v"]);
        assert!(message.starts_with(&format!("option {name} is not supported: ")), "{message}");
    }
    assert!(rejection(&["-sx"]).contains("-x"));
    assert!(rejection(&["--no-request"]).contains("--no-request is not supported: remove it"));
    assert!(!rejection(&["--token=hunter2"]).contains("hunter2"));
    assert!(!rejection(&["http://a", "hunter2"]).contains("hunter2"));
    assert!(rejection(&["-X"]).contains("-X"));
    assert!(rejection(&["-X", "A B"]).contains("-X"));
    assert!(rejection(&["--retry", "many"]).contains("--retry"));
    assert!(rejection(&["-b", "/cookies"]).contains("-b"));
}

#[test]
fn the_first_output_and_the_first_upload_count() {
    let read = options(&["-o", "a", "-o", "b", "-T", "c", "-T", "d", "-D", "e", "-D", "f"]);
    assert_eq!((read.output.as_deref(), read.upload.as_deref()), (Some("a"), Some("c")));
    assert_eq!(read.dump_header.as_deref(), Some("f"));
}

#[test]
fn help_and_version_ignore_all_other_arguments() {
    assert_eq!(parsed(&["-sh", "-O"]), Ok(Command::Help));
    assert_eq!(parsed(&["--version"]), Ok(Command::Version));
    for option in ["--fail-with-body", "-X, --request", "--wait-timeout SECONDS"] {
        assert!(help().contains(option), "{option}");
    }
}

proptest! {
    #[test]
    fn no_arguments_crash_the_parser(arguments in proptest::collection::vec("-{0,2}[a-zA-Zé=@ ]{0,9}", 0..8)) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let _ = parsed(&arguments);
    }
}

/// The table of the manual.
fn manual() -> String {
    let mut table = String::from("| option | value | meaning | as curl's |\n|---|---|---|---|\n");
    for entry in table::OPTIONS {
        let short = if entry.short == table::NONE { String::new() } else { format!("`-{}` ", entry.short) };
        let value = if entry.value.is_empty() { String::new() } else { format!("`{}`", entry.value) };
        let compared = match entry.difference {
            "" => "same".to_string(),
            table::OWN => "curl has none".to_string(),
            reason if entry.about == "no effect" => format!("same: {reason}"),
            difference => format!("same, but: {difference}"),
        };
        let row = format!("| {short}`--{}` | {value} | {} | {compared} |\n", entry.long, entry.about);
        table.push_str(
            &row.replace("DATA|@", "DATA\\|@")
                .replace("LINE|@", "LINE\\|@")
                .replace("FORMAT|@", "FORMAT\\|@"),
        );
    }
    for (advice, words) in refused::REFUSED {
        let options: Vec<_> = words
            .split_ascii_whitespace()
            .map(|word| if word.len() == 1 { format!("`-{word}`") } else { format!("`--{word}`") })
            .collect();
        table += &["| ", &options.join(" "), " | | ", advice, " | refused |\n"].concat();
    }
    table
}

#[test]
fn the_manual_has_the_table_of_options() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/curl-trigger.md");
    let text = std::fs::read_to_string(path).expect("the manual");
    let expected = manual();
    assert!(text.contains(&expected), "replace the table of options in docs/curl-trigger.md by:\n{expected}");
}

#[test]
fn no_option_is_in_two_rows() {
    let mut names: Vec<String> = Vec::new();
    for entry in table::OPTIONS {
        names.push(entry.long.into());
        names.extend((entry.short != table::NONE).then(|| entry.short.into()));
    }
    for (_, words) in refused::REFUSED {
        names.extend(words.split_ascii_whitespace().map(ToString::to_string));
    }
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
