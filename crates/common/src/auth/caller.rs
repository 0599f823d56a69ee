//! The caller that a valid credential identifies.

/// The maximum number of characters of a token's subject in a [`Caller`]'s name.
const MAX_SUBJECT_CHARACTERS: usize = 128;

/// The sender of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// `anonymous`, `internal-token`, `admin-secret`, `jwt:<sub>` (`jwt` without a subject) or
    /// `serviceaccount:<namespace>:<name>`. It contains no control character and fits into a log line or an annotation.
    pub name: String,
    /// The permissions of the caller.
    pub role: Role,
    /// The kind of credential that identified the caller.
    pub method: AuthMethod,
}

impl Caller {
    /// The caller of a request without a credential, where none is configured.
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), role: Role::Anonymous, method: AuthMethod::None }
    }

    pub(super) fn internal_token() -> Self {
        Self { name: "internal-token".to_owned(), role: Role::Internal, method: AuthMethod::InternalToken }
    }

    pub(super) fn admin_secret() -> Self {
        Self { name: "admin-secret".to_owned(), role: Role::Admin, method: AuthMethod::AdminSecret }
    }

    pub(super) fn jwt(subject: Option<&str>, role: Role) -> Self {
        let subject = subject.map(sanitize).filter(|subject| !subject.is_empty());
        let name = subject.map_or_else(|| "jwt".to_owned(), |subject| format!("jwt:{subject}"));
        Self { name, role, method: AuthMethod::Jwt }
    }

    pub(super) fn service_account(namespace: &str, name: &str, role: Role) -> Self {
        let name = format!("serviceaccount:{namespace}:{name}");
        Self { name, role, method: AuthMethod::ServiceAccount }
    }
}

/// The permissions of a caller. A greater role includes every lesser one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Not authenticated: the service has no credential configured.
    Anonymous,
    /// A service or person of the platform: may start and follow runs.
    Internal,
    /// An administrator.
    Admin,
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AuthMethod {
    /// The request has no credential.
    None,
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
            Self::InternalToken => "internal_token",
            Self::AdminSecret => "admin_secret",
            Self::Jwt => "jwt",
            Self::ServiceAccount => "service_account",
        }
    }
}

/// Keeps letters and digits of any script, and visible ASCII. Control characters could forge log lines, and invisible
/// characters that change the direction of text could make one name look like another.
fn sanitize(subject: &str) -> String {
    let is_kept = |character: &char| character.is_alphanumeric() || matches!(character, ' '..='~');
    subject.trim().chars().filter(is_kept).take(MAX_SUBJECT_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::{Caller, Role, sanitize};

    #[test]
    fn control_and_invisible_characters_are_removed_from_a_subject() {
        assert_eq!(sanitize(" alice\r\nlevel=ERROR\u{0} "), "alicelevel=ERROR");
        assert_eq!(sanitize("a\u{202e}b\u{200b}c"), "abc");
        assert_eq!(sanitize("Jürgen 王"), "Jürgen 王");
    }

    #[test]
    fn a_subject_is_truncated_by_characters_and_not_by_bytes() {
        assert_eq!(sanitize(&"ä".repeat(500)), "ä".repeat(128));
    }

    #[test]
    fn a_caller_whose_subject_has_no_visible_character_is_named_by_the_method() {
        for subject in [None, Some(""), Some("\u{7f}\n")] {
            assert_eq!(Caller::jwt(subject, Role::Internal).name, "jwt");
        }
    }
}
