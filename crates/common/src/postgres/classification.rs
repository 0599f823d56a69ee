//! Classification of errors of a session's start-up.

use secrecy::ExposeSecret;

use super::attempt_error::AttemptError;
use super::sql_error::{MAX_REASON_BYTES, reason, redacted, sqlstate};
use super::target::Candidate;
use crate::text::single_line;

/// Ends the user name in a SCRAM message. sqlx does not escape it. It does not escape an equals sign either, but servers
/// accept that.
const SCRAM_SEPARATOR: char = ',';

/// Classifies the error of a start-up. A text of the server is shown only where it can't contain a parameter's value.
pub(super) fn classify(error: &sqlx::Error, candidate: &Candidate, user: &str) -> AttemptError {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::Io(error) => AttemptError::Unreachable(error.to_string()),
            sqlx::Error::Protocol(_) if user.contains(SCRAM_SEPARATOR) => comma_in_user(),
            sqlx::Error::Protocol(_) => {
                let reason =
                    "it does not answer as a Postgres server does, or asks for a login that is not supported";
                AttemptError::Other(reason.to_owned())
            }
            // SASLprep rejected the user or the password. Its text contains characters of them.
            sqlx::Error::Configuration(error) => {
                let what =
                    if error.to_string().contains("saslprep username") { "user name" } else { "password" };
                AttemptError::LoginRefused(format!(
                    "the {what} has characters that SASLprep (RFC 4013) prohibits, which is not supported with SCRAM; \
                     change the {what}"
                ))
            }
            other => AttemptError::Other(reason(other)),
        };
    };
    let message = server_text(error, candidate, user);
    let code = sqlstate(error).unwrap_or_default();
    match code.get(..2).unwrap_or_default() {
        "28" if candidate.password.is_none() => {
            AttemptError::LoginRefused(format!("{message} (no password is configured)"))
        }
        "28" => AttemptError::LoginRefused(message),
        "08" if database.message().contains("SCRAM") && user.contains(SCRAM_SEPARATOR) => comma_in_user(),
        "3D" => AttemptError::DatabaseRefused(message),
        "08" => pooler_error(database.message(), message),
        "53" | "57" => AttemptError::Unreachable(message),
        _ if code == "42501" => AttemptError::DatabaseRefused("the user may not connect to it".to_owned()),
        _ => AttemptError::Other(format!(
            "the server rejects the session (SQLSTATE {code}); check its options"
        )),
    }
}

fn comma_in_user() -> AttemptError {
    AttemptError::LoginRefused(
        "the user name has a comma, which is not supported with SCRAM; use another user".to_owned(),
    )
}

/// The text of an error without the password, which a server may repeat.
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
fn pooler_error(original: &str, redacted: String) -> AttemptError {
    if let Some(rest) = original.split("unsupported startup parameter").nth(1) {
        let name = rest.trim_start_matches([':', ' ']).split([' ', '=', ':']).next().unwrap_or_default();
        // Any other name may be a part of a value of `options`.
        let known = ["application_name", "extra_float_digits", "options"];
        let name = if known.contains(&name) { name } else { "options" };
        return AttemptError::ParameterRefused(name.to_owned());
    }
    if original.starts_with("no such database")
        || (original.starts_with("database ") && original.ends_with("does not exist"))
    {
        return AttemptError::DatabaseRefused(redacted);
    }
    if original == "SSL required" {
        return AttemptError::Other(
            "the pooler requires TLS; use sslmode=require or a stricter one".to_owned(),
        );
    }
    if original.starts_with("no such user") || original.contains("authentication failed") {
        return AttemptError::LoginRefused(redacted);
    }
    AttemptError::Unreachable(redacted)
}

#[cfg(test)]
mod tests {
    use super::{AttemptError, pooler_error};

    fn classified(text: &str) -> AttemptError {
        pooler_error(text, "redacted".to_owned())
    }

    #[test]
    fn a_parameter_that_a_pooler_rejects_is_named_unless_it_may_be_a_value() {
        for (text, expected) in [
            ("unsupported startup parameter: extra_float_digits", "extra_float_digits"),
            ("unsupported startup parameter in options: secret", "options"),
            ("unsupported startup parameter: secret=1", "options"),
        ] {
            let error = classified(text);
            assert!(matches!(&error, AttemptError::ParameterRefused(name) if name == expected), "{error:?}");
        }
    }

    #[test]
    fn errors_of_a_pooler_are_classified_by_their_text() {
        for text in ["no such database: absent", "database \"absent\" does not exist"] {
            assert!(matches!(classified(text), AttemptError::DatabaseRefused(_)), "{text}");
        }
        for text in ["no such user: nobody", "SASL authentication failed", "password authentication failed"] {
            assert!(matches!(classified(text), AttemptError::LoginRefused(_)), "{text}");
        }
        assert!(matches!(classified("SSL required"), AttemptError::Other(_)));
        assert!(matches!(classified("server login has been failing"), AttemptError::Unreachable(_)));
    }
}
