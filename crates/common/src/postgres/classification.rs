//! What a failed start-up of a session means.

use secrecy::ExposeSecret;

use super::attempt::Failure;
use super::failure::{MAX_REASON_BYTES, reason, redacted, sqlstate};
use super::target::Candidate;
use crate::text::single_line;

/// Ends the user name in a SCRAM message, where sqlx does not escape it. An equals sign is not escaped either, but servers
/// accept that.
const SCRAM_SEPARATOR: char = ',';

/// What a failed start-up means. Texts of the server are shown only where they repeat no parameter.
pub(super) fn classify(error: &sqlx::Error, candidate: &Candidate, user: &str) -> Failure {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Io(error) => Failure::Unreachable(error.to_string()),
            sqlx::Error::Protocol(_) if user.contains(SCRAM_SEPARATOR) => comma_in_user(),
            sqlx::Error::Protocol(_) => {
                let reason =
                    "it does not answer as a Postgres server does, or asks for a login that is not supported";
                Failure::Other(reason.to_owned())
            }
            // Both are errors of SASLprep, and their texts contain characters of the password or the user.
            sqlx::Error::Configuration(error) => {
                let what =
                    if error.to_string().contains("saslprep username") { "user name" } else { "password" };
                Failure::LoginRefused(format!(
                    "the {what} has characters that SASLprep (RFC 4013) prohibits, which is not supported with SCRAM; \
                     change the {what}"
                ))
            }
            other => Failure::Other(reason(other)),
        };
    };
    let message = server_text(error, candidate, user);
    let code = sqlstate(error).unwrap_or_default();
    match code.get(..2).unwrap_or_default() {
        "28" if candidate.password.is_none() => {
            Failure::LoginRefused(format!("{message} (no password is configured)"))
        }
        "28" => Failure::LoginRefused(message),
        "08" if database.message().contains("SCRAM") && user.contains(SCRAM_SEPARATOR) => comma_in_user(),
        "3D" => Failure::DatabaseRefused(message),
        "08" => pooler_failure(database.message(), message),
        "53" | "57" => Failure::Unreachable(message),
        _ if code == "42501" => Failure::DatabaseRefused("the user may not connect to it".to_owned()),
        _ => Failure::Other(format!("the server rejects the session (SQLSTATE {code}); check its options")),
    }
}

fn comma_in_user() -> Failure {
    Failure::LoginRefused(
        "the user name has a comma, which is not supported with SCRAM; use another user".to_owned(),
    )
}

/// The text of an error, in which the password is replaced: a server may repeat it.
pub(super) fn server_text(error: &sqlx::Error, candidate: &Candidate, user: &str) -> String {
    match (error, &candidate.password) {
        (sqlx::Error::Database(database), Some(password)) => {
            let text = redacted(database.message(), password.expose_secret(), user);
            single_line(&text, MAX_REASON_BYTES)
        }
        _ => reason(error),
    }
}

/// PgBouncer reports most of its errors with the code 08P01.
fn pooler_failure(original: &str, shown: String) -> Failure {
    if let Some(rest) = original.split("unsupported startup parameter").nth(1) {
        let name = rest.trim_start_matches([':', ' ']).split([' ', '=', ':']).next().unwrap_or_default();
        // Another name may be a part of the value of options.
        let known = ["application_name", "extra_float_digits", "options"];
        let name = if known.contains(&name) { name } else { "options" };
        return Failure::ParameterRefused(name.to_owned());
    }
    if original.starts_with("no such database")
        || (original.starts_with("database ") && original.ends_with("does not exist"))
    {
        return Failure::DatabaseRefused(shown);
    }
    if original == "SSL required" {
        return Failure::Other("the pooler requires TLS; use sslmode=require or a stricter one".to_owned());
    }
    if original.starts_with("no such user") || original.contains("authentication failed") {
        return Failure::LoginRefused(shown);
    }
    Failure::Unreachable(shown)
}
