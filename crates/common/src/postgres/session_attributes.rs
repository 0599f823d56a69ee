//! `target_session_attrs`: the attributes that a server must have.

use std::str::FromStr;

use sqlx::{Executor, PgConnection, Row};

/// The required attributes of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum SessionAttributes {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl FromStr for SessionAttributes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => {
                return Err(
                    "has a target_session_attrs other than any, read-write, read-only, primary, standby and \
                     prefer-standby"
                        .to_owned(),
                );
            }
        })
    }
}

impl SessionAttributes {
    /// The requirements, in the order in which they are tried.
    pub(super) fn passes(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// None when the session meets the requirement, else a description of the session.
    pub(super) async fn mismatch(
        self,
        connection: &mut PgConnection,
    ) -> Result<Option<&'static str>, sqlx::Error> {
        // Simple queries work with poolers in every mode.
        Ok(match self {
            Self::Any => None,
            Self::ReadWrite => is_read_only(connection).await?.then_some("read-only"),
            Self::ReadOnly => (!is_read_only(connection).await?).then_some("not read-only"),
            Self::Primary => is_standby(connection).await?.then_some("a standby"),
            Self::Standby | Self::PreferStandby => {
                (!is_standby(connection).await?).then_some("not a standby")
            }
        })
    }
}

/// A standby is always read-only.
async fn is_read_only(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = connection.fetch_one(sqlx::raw_sql("SHOW transaction_read_only")).await?;
    Ok(row.try_get::<&str, _>(0)? == "on" || is_standby(connection).await?)
}

async fn is_standby(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = connection.fetch_one(sqlx::raw_sql("SELECT pg_catalog.pg_is_in_recovery()")).await?;
    row.try_get(0)
}
