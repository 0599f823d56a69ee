//! `-w`: curl's format and variables.

use alloc::{format, string::String};
use core::time::Duration;

use crate::{address, exit::Failure, response::Head, text};

/// The durations from the start of the last transfer to the end of each phase; zero if it was not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TransferTimes {
    /// The name is resolved.
    pub name_lookup: Duration,
    /// The TCP connection is established.
    pub connect: Duration,
    /// The TLS handshake is done.
    pub app_connect: Duration,
    /// The first byte is received.
    pub start_transfer: Duration,
    /// The transfer is done.
    pub total: Duration,
}

/// The values of the variables.
#[derive(Debug, Default)]
pub struct WriteOutValues {
    /// The head of the last response.
    pub head: Option<Head>,
    /// The exit code and message of a failure.
    pub failure: Option<Failure>,
    /// The configured URL.
    pub url: String,
    /// The URL of the last request.
    pub effective_url: String,
    /// The last method.
    pub method: String,
    /// The server's address and port.
    pub remote: Option<core::net::SocketAddr>,
    /// The size of the received body, in bytes.
    pub downloaded: u64,
    /// The number of redirects followed.
    pub redirects: u32,
    /// The number of retries.
    pub retries: u32,
    /// The times of the last transfer.
    pub times: TransferTimes,
}

/// The texts for the standard output and the standard error.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct WriteOutText {
    /// For the standard output.
    pub out: String,
    /// For the standard error.
    pub err: String,
}

/// Replaces the variables of the format. As in curl, an unknown variable is an error message on the standard error.
pub fn render(format: &str, values: &WriteOutValues) -> WriteOutText {
    let mut written = WriteOutText::default();
    let mut to_err = false;
    let mut rest = format;
    while let Some(at) = rest.find(['%', '\\']) {
        let (plain, special) = rest.split_at(at);
        push(&mut written, to_err, plain);
        let mut characters = special.chars();
        let first = characters.next();
        let second = characters.next();
        rest = characters.as_str();
        match (first, second) {
            (Some('\\'), Some('n')) => push(&mut written, to_err, "\n"),
            (Some('\\'), Some('r')) => push(&mut written, to_err, "\r"),
            (Some('\\'), Some('t')) => push(&mut written, to_err, "\t"),
            (Some('%'), Some('%')) => push(&mut written, to_err, "%"),
            (Some('%'), Some('{')) if text::has(rest, b'}') => {
                let (name, after) = rest.split_once('}').unwrap_or_default();
                rest = after;
                match name {
                    "stdout" => to_err = false,
                    "stderr" => to_err = true,
                    "onerror" if values.failure.is_none() => return written,
                    "onerror" => {}
                    _ => match variable(name, values) {
                        Some(value) => push(&mut written, to_err, &value),
                        None => push(&mut written, true, &unknown(name)),
                    },
                }
            }
            (Some(first), second) => {
                push_char(&mut written, to_err, first);
                if let Some(second) = second {
                    push_char(&mut written, to_err, second);
                }
            }
            (None, _) => {}
        }
    }
    push(&mut written, to_err, rest);
    written
}

fn unknown(name: &str) -> String {
    format!("curl-trigger: unknown --write-out variable: '{name}'\n")
}

fn push(written: &mut WriteOutText, to_err: bool, text: &str) {
    if to_err {
        written.err.push_str(text);
    } else {
        written.out.push_str(text);
    }
}

fn push_char(written: &mut WriteOutText, to_err: bool, character: char) {
    push(written, to_err, character.encode_utf8(&mut [0; 4]));
}

fn variable(name: &str, values: &WriteOutValues) -> Option<String> {
    let header = |name| values.head.as_ref().and_then(|head| head.header(name)).unwrap_or_default();
    let seconds = |time: Duration| format!("{}.{:06}", time.as_secs(), u64::from(time.subsec_micros()));
    let number = |number: u64| format!("{number}");
    Some(match name {
        "http_code" | "response_code" => {
            format!("{:03}", values.head.as_ref().map_or(0, |head| u64::from(head.status)))
        }
        "http_version" => values
            .head
            .as_ref()
            .map_or("0".into(), |head| if head.minor_version == 0 { "1.0".into() } else { "1.1".into() }),
        "exitcode" => number(values.failure.as_ref().map_or(0, |failure| failure.code.number().into())),
        "errormsg" => values.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        "url" => values.url.clone(),
        "url_effective" => values.effective_url.clone(),
        "scheme" => values.effective_url.split(':').next().unwrap_or_default().to_ascii_uppercase(),
        "method" => values.method.clone(),
        "content_type" => header("content-type").into(),
        "redirect_url" => header("location").into(),
        "num_redirects" => number(values.redirects.into()),
        "num_retries" => number(values.retries.into()),
        "size_download" => number(values.downloaded),
        "remote_ip" => values.remote.map(|remote| address::show(remote.ip())).unwrap_or_default(),
        "remote_port" => number(values.remote.map_or(0, |remote| remote.port().into())),
        "time_namelookup" => seconds(values.times.name_lookup),
        "time_connect" => seconds(values.times.connect),
        "time_appconnect" => seconds(values.times.app_connect),
        "time_starttransfer" => seconds(values.times.start_transfer),
        "time_total" => seconds(values.times.total),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn values() -> WriteOutValues {
        let head =
            Head { status: 202, headers: vec![("Content-Type".into(), "a/b".into())], ..Head::default() };
        let times = TransferTimes { total: Duration::from_micros(1_002_003), ..TransferTimes::default() };
        WriteOutValues { head: Some(head), times, downloaded: 7, ..WriteOutValues::default() }
    }

    #[test]
    fn variables_and_escapes_are_replaced() {
        let written =
            render("%{http_code} %{size_download}\\n%{time_total} 100%% %{content_type}\\t", &values());
        assert_eq!(written.out, "202 7\n1.002003 100% a/b\t");
        assert_eq!(render("%{http_code}", &WriteOutValues::default()).out, "000");
    }

    #[test]
    fn output_can_be_sent_to_the_standard_error() {
        let written = render("a%{stderr}b%{stdout}c%{onerror}d", &values());
        assert_eq!((written.out.as_str(), written.err.as_str()), ("ac", "b"));
        assert!(render("%{nonsense}", &values()).err.contains("nonsense"));
    }

    proptest! {
        #[test]
        fn no_format_crashes_it(format in "[%{}\\\\a-zé]{0,30}") {
            let _ = render(&format, &values());
        }
    }
}
