//! Authorization of administrators.

use super::error::ServiceError;
use super::problem::ProblemKind;
use crate::auth::{Caller, Role};

impl Caller {
    /// Requires the role of an administrator. An anonymous caller never has it, even if no credential is configured.
    ///
    /// # Errors
    /// When the caller has another role.
    pub fn require_admin(&self) -> Result<(), ServiceError> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Internal => Err(ServiceError::not_admin()),
            Role::Anonymous => Err(ServiceError::no_admin_credential()),
        }
    }
}

impl ServiceError {
    /// The caller is authenticated and is not an administrator.
    pub fn not_admin() -> Self {
        Self::new(
            ProblemKind::NOT_ALLOWED,
            "The caller is known, but this requires an administrator: X-Admin-Secret, or a token with the administrator's claim.",
        )
        .with_refusal_reason("not_admin")
    }

    /// The route requires an administrator, and access is open because no credential is configured.
    pub fn no_admin_credential() -> Self {
        Self::new(
            ProblemKind::MISSING_CREDENTIAL,
            "This always requires an administrator's credential, and none is configured: set ADMIN_SECRET, or keys of tokens \
             with an administrator's claim.",
        )
        .with_refusal_reason("missing")
    }
}
