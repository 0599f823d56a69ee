//! Prepares texts of containers, programs and registries for a cause.

/// The maximum length of a text, in characters.
const MAX_CHARACTERS: usize = 500;

/// The text in one line: control characters, and characters that change the direction of writing, become spaces. A long
/// text is cut at its start, because errors and logs have the most specific part at their end.
pub(super) fn one_line(text: &str) -> String {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let words: Vec<&str> =
        text.split(|character: char| character.is_whitespace() || is_hidden(character)).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.chars().count().checked_sub(MAX_CHARACTERS) {
        None | Some(0) => line,
        Some(surplus) => format!("… {}", line.chars().skip(surplus).collect::<String>()),
    }
}

/// The registry's reason in the kubelet's message about a failed pull; empty if there is none. It does not change while the
/// kubelet retries, and has no credentials.
pub(super) fn pull_error(message: &str) -> String {
    let mut text = message;
    if let Some(back_off) = text.strip_prefix("Back-off pulling image ") {
        // Kubelets before 1.32 send no reason.
        text = back_off.split_once("\": ").map_or("", |(_, reason)| reason);
    }
    for prefix in ["ErrImagePull: ", "rpc error: code = "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    if let Some((_, description)) = text.split_once(" desc = ") {
        text = description;
    }
    one_line(&without_source_ports(&without_url_secrets(text)))
}

/// The text without user names, passwords and queries in its URLs.
fn without_url_secrets(text: &str) -> String {
    let mut parts = text.split("://");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end =
            part.find(|character: char| character.is_whitespace() || character == '"').unwrap_or(part.len());
        let (url, rest) = part.split_at(end);
        let url = url.split_once('?').map_or(url, |(url, _)| url);
        let (authority, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        result.extend(["://", host, path, rest]);
    }
    result
}

/// The text without the local side of connections (`10.0.0.1:40000->`), whose port changes with each try.
fn without_source_ports(text: &str) -> String {
    let words = text.split(' ').map(|word| word.split_once("->").map_or(word, |(_, remote)| remote));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_without_control_characters() {
        for (text, expected) in [
            ("", ""),
            (" one\n\ttwo \u{1b}[31mthree\u{202e}\0 ", "one two [31mthree"),
            ("Grüße, 日本", "Grüße, 日本"),
        ] {
            assert_eq!(one_line(text), expected, "{text:?}");
        }
        let long = format!("{}é", "x".repeat(2 * MAX_CHARACTERS));
        let cut = one_line(&long);
        assert!(cut.starts_with("… x") && cut.ends_with("xé"), "{cut}");
        assert_eq!(cut.chars().count(), MAX_CHARACTERS + 2);
        assert_eq!(one_line(&"é".repeat(MAX_CHARACTERS)), "é".repeat(MAX_CHARACTERS));
    }

    #[test]
    fn the_reason_of_a_failed_pull_is_the_same_while_the_kubelet_retries() {
        let reason = "failed to pull and unpack image \"r.invalid/app:1\": failed to resolve reference \"r.invalid/app:1\": \
                      unexpected status from HEAD request to https://r.invalid/v2/app/manifests/1: 401 Unauthorized";
        for message in [
            reason.to_owned(),
            format!("rpc error: code = Unknown desc = {reason}"),
            format!("Back-off pulling image \"r.invalid/app:1\": ErrImagePull: {reason}"),
            format!(
                "Back-off pulling image \"r.invalid/app:1\": ErrImagePull: rpc error: code = Unknown desc = {reason}"
            ),
        ] {
            assert_eq!(pull_error(&message), reason, "{message}");
        }
        assert_eq!(pull_error("Back-off pulling image \"r.invalid/app:1\""), "");
        let lookup = |port| {
            pull_error(&format!(
                "lookup r.invalid on 10.0.0.2:53: read udp 10.0.0.1:{port}->10.0.0.2:53: i/o timeout"
            ))
        };
        assert_eq!(lookup(40_000), "lookup r.invalid on 10.0.0.2:53: read udp 10.0.0.2:53: i/o timeout");
        assert_eq!(lookup(40_000), lookup(40_001));
    }

    #[test]
    fn the_reason_of_a_failed_pull_has_no_credentials() {
        for (message, expected) in [
            ("Get \"https://user:p%40ss@r.invalid/v2/\": EOF", "Get \"https://r.invalid/v2/\": EOF"),
            (
                "GET https://cdn.invalid/blob?X-Amz-Signature=abc&y=z: 403 Forbidden",
                "GET https://cdn.invalid/blob 403 Forbidden",
            ),
            (
                "to http://a:b@c@host and https://token@host:5000/a?b",
                "to http://host and https://host:5000/a",
            ),
        ] {
            assert_eq!(pull_error(message), expected);
        }
    }
}
