//! Authorization of callers.

use super::error::ServiceError;
use super::problem::ProblemKind;
use crate::auth::{Caller, Role};

impl Caller {
    /// Requires the role of an administrator. An anonymous caller never has it, also where no credential is configured.
    ///
    /// # Errors
    /// When the caller has another role.
    pub fn require_admin(&self) -> Result<(), ServiceError> {
        match self.role {
            Role::Admin => Ok(()),
            Role::Internal => Err(ServiceError::new(
                ProblemKind::NOT_ALLOWED,
                "The caller is known, but this needs an administrator: X-Admin-Secret, or a token with the administrator's claim.",
            )
            .with_refusal_reason("not_admin")),
            Role::Anonymous => Err(ServiceError::new(
                ProblemKind::MISSING_CREDENTIAL,
                "This needs an administrator's credential, and none is configured: set ADMIN_SECRET, or keys of tokens with an \
                 administrator's claim.",
            )
            .with_refusal_reason("missing")),
        }
    }
}
