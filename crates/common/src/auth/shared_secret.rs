//! Secrets that caller and service share, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::reloading::Reloading;
use crate::config::{ConfigError, Settings};

/// The values of one secret; all of them are valid at once, so that callers can change from one to the next.
pub(super) struct SharedSecret {
    /// Digests are all of one length, so a comparison tells nothing about the length of a secret either; and the
    /// secrets themselves needn't stay in memory.
    digests: Reloading<Vec<[u8; 32]>>,
}

impl SharedSecret {
    pub(super) fn from_settings(settings: &Settings, name: &str) -> Result<Option<Self>, ConfigError> {
        let digests = Reloading::secret(settings, name, |text| {
            let secrets = lines(text)?;
            // Anything else could never arrive in a header, and the fault would show only as refusals.
            let sendable = |secret: &&str| secret.bytes().all(|byte| matches!(byte, b' '..=b'~'));
            if !secrets.iter().all(sendable) {
                return Err("holds a character that no header can carry; use visible ASCII");
            }
            Ok(secrets.into_iter().map(digest).collect())
        })?;
        Ok(digests.map(|digests| Self { digests }))
    }

    /// Whether `presented` is one of the values. All are compared, whichever it is.
    pub(super) fn accepts(&self, presented: &str) -> bool {
        let presented = digest(presented);
        let found = self
            .digests
            .get()
            .iter()
            .fold(Choice::from(0), |found, digest| found | digest.as_slice().ct_eq(presented.as_slice()));
        found.into()
    }
}

/// The values of a secret, one per line. No other character separates them: base64 and passphrases may hold any,
/// and a passphrase cut at its spaces would become several weak ones.
pub(super) fn lines(text: &str) -> Result<Vec<&str>, &'static str> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { Err("is empty; put the secret into it") } else { Ok(lines) }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}
