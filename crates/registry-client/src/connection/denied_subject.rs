//! Subjects that the permissions of the client deny.

/// What the server says about a subject that is denied.
const PREFIX: &str = "Permissions Violation for ";

/// A sentence about the denied subject that the server's error names; None if it is another error, whose text can repeat
/// anything that the server has received. The parts of the subject that change with each attempt are replaced with `>`.
pub(super) fn denied_subject(error: &str) -> Option<String> {
    let (operation, quoted) = error.strip_prefix(PREFIX)?.split_once(" to \"")?;
    let verb = match operation {
        "Publish" => "publish",
        "Subscription" => "subscribe",
        _ => return None,
    };
    let (subject, _) = quoted.split_once('"')?;
    let pattern = pattern(subject);
    Some(format!("NATS denies this client to {verb} to {pattern}; allow it in the permissions of its user"))
}

/// The subject up to the name of the stream or bucket.
fn pattern(subject: &str) -> String {
    let tokens: Vec<&str> = subject.split('.').collect();
    let kept = match tokens[0] {
        "$KV" => 2,
        "_INBOX" => 1,
        _ => tokens.iter().position(|token| token.starts_with("KV_")).map_or(tokens.len(), |index| index + 1),
    };
    if kept < tokens.len() { format!("{}.>", tokens[..kept].join(".")) } else { subject.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::denied_subject;

    #[test]
    fn denied_subjects_are_named_without_what_changes_with_each_attempt() {
        for (error, named) in [
            (r#"Publish to "$JS.API.STREAM.INFO.KV_a""#, "publish to $JS.API.STREAM.INFO.KV_a;"),
            (
                r#"Publish to "$JS.API.CONSUMER.MSG.NEXT.KV_a.x1""#,
                "publish to $JS.API.CONSUMER.MSG.NEXT.KV_a.>;",
            ),
            (
                r#"Publish to "$JS.hub.API.CONSUMER.CREATE.KV_a.b.$KV.a.>""#,
                "publish to $JS.hub.API.CONSUMER.CREATE.KV_a.>;",
            ),
            (r#"Publish to "$KV.a.key.1""#, "publish to $KV.a.>;"),
            (r#"Subscription to "_INBOX.x.*""#, "subscribe to _INBOX.>;"),
            (r#"Subscription to "_INBOX.x.*" using queue "q""#, "subscribe to _INBOX.>;"),
        ] {
            let sentence = denied_subject(&format!("Permissions Violation for {error}")).unwrap();
            assert!(sentence.contains(named), "{sentence}");
        }
        for error in ["Authentication Timeout", "Permissions Violation for x", "Invalid Subject \"secret\""] {
            assert_eq!(denied_subject(error), None);
        }
    }
}
