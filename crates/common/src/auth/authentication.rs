//! The outcome of the checks of all credentials of a request.

use super::caller::Caller;
use super::error::AuthError;

/// The outcome of the checks of all credentials of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Authentication {
    /// The valid caller with the most rights. None when no credential is valid, or there is none of a configured kind.
    pub caller: Option<Caller>,
    /// Why credentials were rejected, also when another one is valid: a caller could guess a stronger secret otherwise
    /// without being noticed.
    pub rejected: Vec<AuthError>,
}

impl Authentication {
    /// Combines the outcomes for each kind of credential. Of equal roles the last one counts.
    pub(super) fn of(outcomes: impl IntoIterator<Item = Result<Option<Caller>, AuthError>>) -> Self {
        let mut all = Self::default();
        for outcome in outcomes {
            match outcome {
                Ok(Some(caller)) if all.caller.as_ref().is_none_or(|other| caller.role >= other.role) => {
                    all.caller = Some(caller);
                }
                Ok(_) => {}
                Err(error) => all.rejected.push(error),
            }
        }
        all
    }

    /// The caller; None when the request has no credential of a configured kind.
    ///
    /// # Errors
    /// When it has credentials and none is valid. A credential that can't be checked may be valid, and the caller of one
    /// that is not allowed is known, so these two come first.
    pub fn into_caller(self) -> Result<Option<Caller>, AuthError> {
        let precedence = |error: &AuthError| match error {
            AuthError::Unavailable(_) | AuthError::Throttled => 0,
            AuthError::NotAllowed => 1,
            _ => 2,
        };
        match (self.caller, self.rejected.into_iter().min_by_key(precedence)) {
            (None, Some(error)) => Err(error),
            (caller, _) => Ok(caller),
        }
    }
}
