//! The caller that a valid credential identifies.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The maximum number of characters of a token's subject in a [`Caller`]'s name.
const MAX_SUBJECT_CHARACTERS: usize = 128;
/// The number of characters that are kept of a longer subject, before its digest.
const KEPT_CHARACTERS: usize = 80;
/// The number of bytes of the digest in the name of a longer subject.
const DIGEST_BYTES: usize = 16;

const ANONYMOUS: &str = "anonymous";
const READ_TOKEN: &str = "read-token";
const INTERNAL_TOKEN: &str = "internal-token";
const ADMIN_SECRET: &str = "admin-secret";

/// The sender of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// `anonymous`, `read-token`, `internal-token`, `admin-secret`, `jwt:<sub>` (`jwt` without a subject) or
    /// `serviceaccount:<namespace>:<name>`. It identifies the caller: different subjects have different names. It contains
    /// no control character and fits into a log line or an annotation.
    pub name: String,
    /// The permissions of the caller.
    pub role: Role,
    /// The kind of credential that identified the caller.
    pub method: AuthMethod,
    /// The person on whose behalf the caller sends the request. Limits and keys are then those of the person.
    pub on_behalf_of: Option<String>,
}

impl Caller {
    /// The caller of a request without a credential, where none is configured.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, Role::Anonymous, AuthMethod::None)
    }

    pub(super) fn read_token() -> Self {
        Self::new(READ_TOKEN, Role::Reader, AuthMethod::ReadToken)
    }

    pub(super) fn internal_token() -> Self {
        Self::new(INTERNAL_TOKEN, Role::Operator, AuthMethod::InternalToken)
    }

    pub(super) fn admin_secret() -> Self {
        Self::new(ADMIN_SECRET, Role::Admin, AuthMethod::AdminSecret)
    }

    pub(super) fn jwt(subject: Option<&str>, role: Role) -> Self {
        let name = subject.map_or_else(|| "jwt".to_owned(), |subject| format!("jwt:{}", readable(subject)));
        Self::new(name, role, AuthMethod::Jwt)
    }

    pub(super) fn service_account(namespace: &str, name: &str, role: Role) -> Self {
        Self::new(format!("serviceaccount:{namespace}:{name}"), role, AuthMethod::ServiceAccount)
    }

    fn new(name: impl Into<String>, role: Role, method: AuthMethod) -> Self {
        Self { name: name.into(), role, method, on_behalf_of: None }
    }

    /// The person on whose behalf the caller sends the request, or else the caller itself.
    pub fn requester(&self) -> &str {
        self.on_behalf_of.as_deref().unwrap_or(&self.name)
    }
}

/// The permissions of a caller. A greater role includes every lesser one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Not authenticated: the service has no credential configured.
    Anonymous,
    /// May read, and change nothing.
    Reader,
    /// A service or person that operates the platform: may also start runs.
    Operator,
    /// An administrator.
    Admin,
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AuthMethod {
    /// The request has no credential.
    None,
    /// `X-Read-Token`.
    ReadToken,
    /// `X-Internal-Token`.
    InternalToken,
    /// `X-Admin-Secret`.
    AdminSecret,
    /// A bearer JWT, verified with a key.
    Jwt,
    /// A bearer token of a Kubernetes ServiceAccount, verified by TokenReview.
    ServiceAccount,
}

impl AuthMethod {
    /// A stable label for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReadToken => "read_token",
            Self::InternalToken => "internal_token",
            Self::AdminSecret => "admin_secret",
            Self::Jwt => "jwt",
            Self::ServiceAccount => "service_account",
        }
    }

    /// The kind of credential of the callers with that name; None if no caller can have it.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            ANONYMOUS => Some(Self::None),
            READ_TOKEN => Some(Self::ReadToken),
            INTERNAL_TOKEN => Some(Self::InternalToken),
            ADMIN_SECRET => Some(Self::AdminSecret),
            "jwt" => Some(Self::Jwt),
            _ if name.starts_with("jwt:") => Some(Self::Jwt),
            _ if name.starts_with("serviceaccount:") => Some(Self::ServiceAccount),
            _ => None,
        }
    }
}

/// The subject as a text for people, which is different for each subject. Letters and digits of any script, and visible
/// ASCII, are kept. Every other character is percent-encoded: control characters could forge log lines, and invisible
/// characters that change the direction of text could make one name look like another. The middle and the end of a long
/// subject become a digest, after `%~`, which percent-encoding never produces.
fn readable(subject: &str) -> String {
    let mut text = String::new();
    let (mut rest, mut is_first) = (subject.chars().peekable(), true);
    while let Some(character) = rest.next() {
        let at_an_end = is_first || rest.peek().is_none();
        is_first = false;
        if is_kept(character) && !(character == ' ' && at_an_end) {
            text.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    if text.chars().count() <= MAX_SUBJECT_CHARACTERS {
        return text;
    }
    let mut short: String = text.chars().take(KEPT_CHARACTERS).collect();
    short.push_str("%~");
    for byte in &Sha256::digest(subject)[..DIGEST_BYTES] {
        let _ = write!(short, "{byte:02x}");
    }
    short
}

fn is_kept(character: char) -> bool {
    character != '%' && (character.is_alphanumeric() || matches!(character, ' '..='~'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Caller, MAX_SUBJECT_CHARACTERS, Role, readable};

    #[test]
    fn letters_digits_and_visible_ascii_are_kept_and_everything_else_is_encoded() {
        for plain in ["alice", "auth0|62f3 a@b.test", "J\u{fc}rgen \u{738b}", ""] {
            assert_eq!(readable(plain), plain);
        }
        assert_eq!(readable(" alice\r\nlevel=ERROR\u{0} "), "%20alice%0D%0Alevel=ERROR%00%20");
        assert_eq!(readable("a\u{202e}b\u{200b}c"), "a%E2%80%AEb%E2%80%8Bc");
        assert_eq!(readable("100%"), "100%25");
    }

    #[test]
    fn different_subjects_have_different_names() {
        let long = |end: &str| format!("{}{end}", "\u{e4}".repeat(500));
        let copy = readable(&long("a"));
        let subjects = [
            "bob",
            "bob\u{20ac}",
            "bob ",
            " bob",
            "bob%20",
            "bob%E2%82%AC",
            "Bob",
            "",
            "\u{7f}",
            &long("a"),
            &long("b"),
            &copy,
        ];
        let names: BTreeSet<String> =
            subjects.iter().map(|subject| Caller::jwt(Some(subject), Role::Operator).name).collect();
        assert_eq!(names.len(), subjects.len(), "{names:?}");
        assert!(!names.contains(&Caller::jwt(None, Role::Operator).name));
    }

    #[test]
    fn a_name_has_a_limited_length() {
        for long in ["x", "\u{e4}", "\u{20ac}", "%"] {
            let name = readable(&long.repeat(500));
            assert!(name.chars().count() <= MAX_SUBJECT_CHARACTERS, "{name}");
        }
        assert_eq!(readable(&"\u{e4}".repeat(128)), "\u{e4}".repeat(128));
    }
}
