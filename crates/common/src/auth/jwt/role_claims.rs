//! The roles of tokens: `JWT_ADMIN_CLAIM`, `JWT_OPERATOR_CLAIM` and `JWT_READER_CLAIM`.

use super::claim_list::ClaimList;
use super::compact::Claims;
use crate::auth::caller::Role;
use crate::config::{ConfigError, Settings};

/// The claims of each role. A token has the greatest role whose claims match.
pub(super) struct RoleClaims {
    pub(super) admins: ClaimList,
    pub(super) operators: ClaimList,
    pub(super) readers: ClaimList,
}

impl RoleClaims {
    pub(super) fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let operators: ClaimList = settings.parsed_or_default("JWT_OPERATOR_CLAIM")?;
        let readers: Option<ClaimList> = settings.parsed("JWT_READER_CLAIM")?;
        if readers.is_some() && operators.has_any() {
            return Err(ConfigError::variable(
                "JWT_READER_CLAIM",
                "has no effect, because every token is an operator's; set JWT_OPERATOR_CLAIM too",
            ));
        }
        let admins = settings.parsed_or_default("JWT_ADMIN_CLAIM")?;
        Ok(Self { admins, operators, readers: readers.unwrap_or_default() })
    }

    /// The role of a token with these claims; None if it has none.
    pub(super) fn role(&self, claims: &Claims) -> Option<Role> {
        let by_rights =
            [(&self.admins, Role::Admin), (&self.operators, Role::Operator), (&self.readers, Role::Reader)];
        by_rights.into_iter().find(|(list, _)| list.matches(claims)).map(|(_, role)| role)
    }
}
