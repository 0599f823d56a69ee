//! Errors of statements: which of them belong to the connection, and their texts.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use super::conninfo::decode;
use crate::text::single_line;

/// The maximum length of a server's text in a message.
pub(super) const MAX_REASON_BYTES: usize = 1024;

/// The server's five-character code of an error (SQLSTATE).
pub fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// An error on one line of at most 1 KB, without the statement, its parameters or the server's address.
pub fn reason(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        // sqlx's text may contain characters of the password.
        sqlx::Error::Configuration(_) => "the settings of the connection can't be used".to_owned(),
        other => other.to_string(),
    };
    single_line(&text, MAX_REASON_BYTES)
}

/// A server's text without the password, in plain and in percent-encoded form.
///
/// A quoted user name is kept even if it equals the password, because replacing it would reveal that they are equal.
pub(super) fn redacted(text: &str, password: &str, user: &str) -> String {
    const MASK: &str = "***";

    let encoded: String = password.bytes().fold(String::new(), |encoded, byte| match byte {
        b'-' | b'.' | b'_' | b'~' => encoded + char::from(byte).encode_utf8(&mut [0; 4]),
        _ if byte.is_ascii_alphanumeric() => encoded + char::from(byte).encode_utf8(&mut [0; 4]),
        _ => encoded + &format!("%{byte:02X}"),
    });
    let decoded = decode(password).unwrap_or_default();
    let quoted_user = format!("\"{user}\"");
    let mask = |part: &str| {
        let forms = [password, &encoded, &decoded].into_iter().filter(|form| !form.is_empty());
        forms.fold(part.to_owned(), |part, form| part.replace(form, MASK))
    };
    text.split(&quoted_user).map(mask).collect::<Vec<_>>().join(&quoted_user)
}

/// Whether the error belongs to the connection and not to the statement. The connection must then be dropped, and the
/// statement may be repeated on another one.
pub fn is_connection_failure(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        sqlx::Error::Database(error) => {
            // The server closes the connection after such an error, for example after an idle timeout.
            let postgres = error.try_downcast_ref::<PgDatabaseError>();
            if postgres.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
            {
                return true;
            }
            let code = error.code().unwrap_or_default();
            // A pooler reports the loss of its server with class 08. 25006: the server became read-only.
            code.starts_with("08") || ["25006", "57P01", "57P02", "57P03"].contains(&code.as_ref())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn a_password_is_replaced_in_its_plain_and_encoded_forms() {
        assert_eq!(redacted("<a@b> <a%40b>", "a@b", "u"), "<***> <***>");
        assert_eq!(redacted("<a%40b> <a@b>", "a%40b", "u"), "<***> <***>");
        assert_eq!(redacted("as it is", "", "u"), "as it is");
    }

    #[test]
    fn a_quoted_user_that_equals_the_password_is_kept() {
        assert_eq!(redacted("user \"reader\": reader", "reader", "reader"), "user \"reader\": ***");
    }
}
