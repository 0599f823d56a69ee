//! The braces and brackets in a URL of the arguments, with curl's rules.
//!
//! curl expands `{a,b}` and `[1-3]` to several requests, unless `-g` is given.

use alloc::string::String;

use crate::{
    address::parse_ipv6,
    exit::{ExitCode, Failure},
};

/// The URL without escapes and with the content of braces that have one text, such as `{a}`.
///
/// An error if it stands for several URLs, or with curl's exit code 3, if it is malformed.
pub fn expand(url: &str) -> Result<String, Failure> {
    let mut expanded = String::new();
    let mut rest = url;
    while let Some(at) = rest.find(['{', '}', '[', ']', '\\']) {
        let (plain, special) = rest.split_at(at);
        expanded.push_str(plain);
        let mut characters = special.chars();
        let first = characters.next();
        rest = characters.as_str();
        match first {
            Some('\\') => match characters.next() {
                Some(escaped @ ('{' | '}' | '[' | ']')) => {
                    expanded.push(escaped);
                    rest = characters.as_str();
                }
                _ => expanded.push('\\'),
            },
            Some('{') => {
                let end =
                    rest.find('}').ok_or_else(|| malformed("an opening brace without a closing one"))?;
                let (content, after) = rest.split_at(end);
                if content.is_empty() || content.contains(['{', '[', ']']) {
                    return Err(malformed("braces that are empty, or that contain other braces or brackets"));
                }
                if content.contains([',', '\\']) {
                    return Err(several("{...}"));
                }
                expanded.push_str(content);
                rest = after.strip_prefix('}').unwrap_or_default();
            }
            Some('[') => {
                let literal = literal_brackets(rest);
                if literal == 0 {
                    let range = rest.split(']').next().unwrap_or_default();
                    let is_closed = range.len() < rest.len();
                    return Err(if is_closed && is_range(range) {
                        several("[...]")
                    } else {
                        malformed("brackets that are not a range such as [1-3]")
                    });
                }
                let (content, after) = rest.split_at(literal);
                expanded.push('[');
                expanded.push_str(content);
                rest = after;
            }
            _ => return Err(malformed("a closing brace or bracket without an opening one")),
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The length of an IPv6 address with its `]`, or of a `]` alone; 0 if the text after `[` is neither.
fn literal_brackets(text: &str) -> usize {
    let content = text.split(']').next().unwrap_or_default();
    let address = content.split('%').next().unwrap_or_default();
    let is_literal = content.is_empty() || parse_ipv6(address).is_some();
    if is_literal && content.len() < text.len() { content.len() + 1 } else { 0 }
}

/// Whether the text is `a-z` or `1-10`, with an optional `:STEP`.
fn is_range(text: &str) -> bool {
    let (range, step) = text.split_once(':').unwrap_or((text, "1"));
    let Some((from, to)) = range.split_once('-') else { return false };
    let letter = |text: &str| match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(u64::from(*letter)),
        _ => None,
    };
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    let ends = letter(from).zip(letter(to)).or_else(|| number(from).zip(number(to)));
    match (ends, number(step)) {
        (Some((from, to)), Some(step)) if from == to => step == 1,
        (Some((from, to)), Some(step)) => from < to && step > 0 && step <= to - from,
        _ => false,
    }
}

fn malformed(what: &str) -> Failure {
    Failure::new(ExitCode::BadUrl, format_args!("the URL has {what}: use -g to send it as it is"))
}

fn several(what: &str) -> Failure {
    Failure::usage(format_args!(
        "the URL has {what}, which means several requests: use a container for each, or -g to send it as it is"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_one_request_is_expanded() {
        for (given, expanded) in [
            ("http://a/b?c=d", "http://a/b?c=d"),
            ("http://a/{b}/c", "http://a/b/c"),
            ("http://a/${B}", "http://a/$B"),
            ("http://[::1]:80/[]", "http://[::1]:80/[]"),
            ("http://[fe80::1%25eth0]/", "http://[fe80::1%25eth0]/"),
            ("http://a/\\{b\\}\\x\\", "http://a/{b}\\x\\"),
        ] {
            assert_eq!(expand(given).as_deref(), Ok(expanded), "{given}");
        }
    }

    #[test]
    fn several_requests_and_malformed_ranges_have_different_exit_codes() {
        for url in ["http://a/{b,c}", "http://a/[1-3]", "http://a/[a-c:2]", "http://a/[001-100:10]", "[1-1]"]
        {
            assert_eq!(expand(url).expect_err(url).code, ExitCode::Usage, "{url}");
        }
        for url in [
            "{", "{}", "}", "]", "{a{b}}", "{[1-2]}", "[", "[1-2", "[2-1]", "[1]", "[a-3]", "[a-c:9]",
            "[1-2:0]", "[b=0]",
        ] {
            assert_eq!(expand(url).expect_err(url).code, ExitCode::BadUrl, "{url}");
        }
    }
}
