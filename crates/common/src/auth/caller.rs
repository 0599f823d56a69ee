//! Who a valid credential names, and what they may do.

/// How many characters of a token's subject a [`Caller`]'s name holds at most.
const LONGEST_SUBJECT: usize = 128;

/// Who sent a request, as far as its credentials tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// `internal-token`, `admin-secret`, `jwt:<sub>` (`jwt` without a subject) or
    /// `serviceaccount:<namespace>:<name>`. It holds no control character and fits into a log line or an annotation.
    pub name: String,
    /// What the caller may do.
    pub role: Role,
    /// By which kind of credential that is known.
    pub method: Method,
}

impl Caller {
    pub(super) fn internal_token() -> Self {
        Self { name: "internal-token".to_owned(), role: Role::Internal, method: Method::InternalToken }
    }

    pub(super) fn admin_secret() -> Self {
        Self { name: "admin-secret".to_owned(), role: Role::Admin, method: Method::AdminSecret }
    }

    pub(super) fn jwt(subject: Option<&str>, role: Role) -> Self {
        let subject = subject.map(clean).filter(|subject| !subject.is_empty());
        let name = subject.map_or_else(|| "jwt".to_owned(), |subject| format!("jwt:{subject}"));
        Self { name, role, method: Method::Jwt }
    }

    pub(super) fn service_account(namespace: &str, name: &str, role: Role) -> Self {
        let name = format!("serviceaccount:{namespace}:{name}");
        Self { name, role, method: Method::ServiceAccount }
    }
}

/// What a caller may do; a greater role may do whatever a lesser one may.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// A service or person of the platform: may start and follow runs.
    Internal,
    /// An administrator.
    Admin,
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Method {
    /// `X-Internal-Token`.
    InternalToken,
    /// `X-Admin-Secret`.
    AdminSecret,
    /// A bearer JWT, checked by a key.
    Jwt,
    /// A bearer token of a Kubernetes ServiceAccount, checked by TokenReview.
    ServiceAccount,
}

impl Method {
    /// A short text for metrics; it never changes.
    pub fn label(self) -> &'static str {
        match self {
            Self::InternalToken => "internal_token",
            Self::AdminSecret => "admin_secret",
            Self::Jwt => "jwt",
            Self::ServiceAccount => "service_account",
        }
    }
}

/// A subject as a name: letters and digits of any script and visible ASCII stay. Control characters would forge log
/// lines, and the invisible ones that turn the direction of writing would dress one name as another: they go.
fn clean(subject: &str) -> String {
    let visible = |character: &char| character.is_alphanumeric() || matches!(character, ' '..='~');
    subject.trim().chars().filter(visible).take(LONGEST_SUBJECT).collect()
}
