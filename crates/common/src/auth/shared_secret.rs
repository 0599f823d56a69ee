//! Secrets that the caller and the service share. They are compared in constant time.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::reloading::Reloading;
use crate::config::{ConfigError, Settings};

/// A shorter secret causes a warning.
const MIN_RECOMMENDED_BYTES: usize = 16;

/// The values of one secret. All of them are valid at the same time, which permits rotation.
pub(super) struct SharedSecret {
    values: Reloading<SecretValues>,
}

struct SecretValues {
    /// Digests have the same length, so that the time of a comparison does not depend on the length of a secret. The
    /// secrets themselves do not stay in memory.
    digests: Vec<[u8; 32]>,
    /// Whether one can be guessed.
    is_short: bool,
}

impl SharedSecret {
    pub(super) fn from_settings(settings: &Settings, name: &str) -> Result<Option<Self>, ConfigError> {
        let values = Reloading::secret(settings, name, |text| {
            let secrets = lines(text)?;
            // A header can't contain anything else, so that every request with such a secret would be rejected.
            let is_sendable = |secret: &&str| secret.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if !secrets.iter().all(is_sendable) {
                return Err("contains a character that an HTTP header can't contain; use visible ASCII");
            }
            let is_short = secrets.iter().any(|secret| secret.len() < MIN_RECOMMENDED_BYTES);
            Ok(SecretValues { digests: secrets.into_iter().map(digest).collect(), is_short })
        })?;
        let Some(values) = values else { return Ok(None) };
        if values.get().is_some_and(|values| values.is_short) {
            tracing::warn!(
                setting = name,
                "a secret is shorter than {MIN_RECOMMENDED_BYTES} bytes and can be guessed; create one with `openssl rand -base64 32`"
            );
        }
        Ok(Some(Self { values }))
    }

    /// Whether `presented` is one of the values, none of which is valid while the secret is revoked. It is compared with all
    /// of them, so that the time does not depend on which one is equal.
    pub(super) fn accepts(&self, presented: &str) -> bool {
        let presented = digest(presented);
        let values = self.values.get();
        let found = values
            .iter()
            .flat_map(|values| &values.digests)
            .fold(Choice::from(0), |found, digest| found | digest.as_slice().ct_eq(presented.as_slice()));
        found.into()
    }

    /// The setting and whether it is revoked; None for a secret that can't change.
    pub(super) fn revocation(&self) -> Option<(&str, bool)> {
        self.values.revocation()
    }
}

/// Checks that no value is in two of the secrets: each stands for another role, and the caller would have the higher one.
pub(super) fn check_distinct(settings: &Settings) -> Result<(), ConfigError> {
    let mut known: Vec<(&str, SecretString)> = Vec::new();
    for name in ["ADMIN_SECRET", "INTERNAL_TOKEN", "READ_TOKEN"] {
        let Some(secret) = settings.secret(name)? else { continue };
        for (other, known) in &known {
            let values = lines(known.expose_secret()).unwrap_or_default();
            if lines(secret.expose_secret()).unwrap_or_default().iter().any(|value| values.contains(value)) {
                let problem = format!(
                    "has a value of {other} too, which would give its callers that role; create another one"
                );
                return Err(ConfigError::variable(name, problem));
            }
        }
        known.push((name, secret));
    }
    Ok(())
}

/// The values of a secret, one per line. No other character separates them: base64 and passphrases may contain any, and a
/// passphrase that is split at its spaces would become several weak ones.
pub(super) fn lines(text: &str) -> Result<Vec<&str>, &'static str> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { Err("is empty; put the secret into it") } else { Ok(lines) }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn each_line_with_text_is_a_value() {
        assert_eq!(lines("old one\n\n  new,one= \r\n"), Ok(vec!["old one", "new,one="]));
    }

    #[test]
    fn a_text_without_a_value_is_an_error() {
        for empty in ["", " \n\t\r\n"] {
            assert!(lines(empty).is_err(), "{empty:?}");
        }
    }
}
