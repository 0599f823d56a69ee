//! `-w`: the format and its variables, as curl has them.

use alloc::{format, string::String};
use core::time::Duration;

use crate::{exit::Failure, response::Head, text};

/// When the steps of the last transfer were done, counted from its begin; zero for one not reached.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// Name resolved.
    pub name_lookup: Duration,
    /// Connected.
    pub connect: Duration,
    /// TLS handshake done.
    pub app_connect: Duration,
    /// First byte received.
    pub start_transfer: Duration,
    /// All done.
    pub total: Duration,
}

/// What the variables are filled from.
#[derive(Debug, Default)]
pub struct Facts {
    /// The last answer's head.
    pub head: Option<Head>,
    /// Exit code and message.
    pub failure: Option<Failure>,
    /// The URL given, and the last one called.
    pub urls: (String, String),
    /// The last method.
    pub method: String,
    /// The server's address and port.
    pub remote: Option<core::net::SocketAddr>,
    /// Body bytes received.
    pub downloaded: u64,
    /// Redirects followed, and attempts made after the first.
    pub redirects: u32,
    /// Attempts made after the first.
    pub retries: u32,
    /// Steps of the last transfer.
    pub times: Times,
}

/// The texts for the standard output and the standard error.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Written {
    /// For the standard output.
    pub out: String,
    /// For the standard error.
    pub err: String,
}

/// Fills in the format. What is no variable is named on the standard error, as curl does.
pub fn render(format: &str, facts: &Facts) -> Written {
    let mut written = Written::default();
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
            (Some('%'), Some('{')) if rest.contains('}') => {
                let (name, behind) = rest.split_once('}').unwrap_or_default();
                rest = behind;
                match name {
                    "stdout" => to_err = false,
                    "stderr" => to_err = true,
                    "onerror" if facts.failure.is_none() => return written,
                    "onerror" => {}
                    _ => match variable(name, facts) {
                        Some(value) => push(&mut written, to_err, &value),
                        None => push(&mut written, true, &unknown(name)),
                    },
                }
            }
            (Some(first), second) => {
                written_char(&mut written, to_err, first);
                if let Some(second) = second {
                    written_char(&mut written, to_err, second);
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

fn push(written: &mut Written, to_err: bool, text: &str) {
    if to_err {
        written.err.push_str(text);
    } else {
        written.out.push_str(text);
    }
}

fn written_char(written: &mut Written, to_err: bool, character: char) {
    push(written, to_err, character.encode_utf8(&mut [0; 4]));
}

fn variable(name: &str, facts: &Facts) -> Option<String> {
    let header = |name| facts.head.as_ref().and_then(|head| head.header(name)).unwrap_or_default();
    let seconds = |time: Duration| format!("{}.{:06}", time.as_secs(), time.subsec_micros());
    let number = |number: u32| format!("{number}");
    Some(match name {
        "http_code" | "response_code" => format!("{:03}", facts.head.as_ref().map_or(0, |head| head.status)),
        "http_version" => facts.head.as_ref().map_or("0".into(), |head| format!("1.{}", head.minor_version)),
        "exitcode" => number(facts.failure.as_ref().map_or(0, |failure| failure.code.number().into())),
        "errormsg" => facts.failure.as_ref().map(|failure| failure.message.clone()).unwrap_or_default(),
        "url" => facts.urls.0.clone(),
        "url_effective" => facts.urls.1.clone(),
        "scheme" => facts.urls.1.split(':').next().unwrap_or_default().to_ascii_uppercase(),
        "method" => facts.method.clone(),
        "content_type" => header("content-type").into(),
        "redirect_url" => header("location").into(),
        "num_redirects" => number(facts.redirects),
        "num_retries" => number(facts.retries),
        "size_download" => format!("{}", facts.downloaded),
        "remote_ip" => facts.remote.map(|remote| text::address(remote.ip())).unwrap_or_default(),
        "remote_port" => number(facts.remote.map_or(0, |remote| remote.port().into())),
        "time_namelookup" => seconds(facts.times.name_lookup),
        "time_connect" => seconds(facts.times.connect),
        "time_appconnect" => seconds(facts.times.app_connect),
        "time_starttransfer" => seconds(facts.times.start_transfer),
        "time_total" => seconds(facts.times.total),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn facts() -> Facts {
        let head =
            Head { status: 202, headers: vec![("Content-Type".into(), "a/b".into())], ..Head::default() };
        let times = Times { total: Duration::from_micros(1_002_003), ..Times::default() };
        Facts { head: Some(head), times, downloaded: 7, ..Facts::default() }
    }

    #[test]
    fn variables_and_escapes_are_filled_in() {
        let written =
            render("%{http_code} %{size_download}\\n%{time_total} 100%% %{content_type}\\t", &facts());
        assert_eq!(written.out, "202 7\n1.002003 100% a/b\t");
        assert_eq!(render("%{http_code}", &Facts::default()).out, "000");
    }

    #[test]
    fn output_can_be_sent_to_the_standard_error() {
        let written = render("a%{stderr}b%{stdout}c%{onerror}d", &facts());
        assert_eq!((written.out.as_str(), written.err.as_str()), ("ac", "b"));
        assert!(render("%{nonsense}", &facts()).err.contains("nonsense"));
    }

    proptest! {
        #[test]
        fn no_format_breaks_it(format in "[%{}\\\\a-zé]{0,30}") {
            let _ = render(&format, &facts());
        }
    }
}
