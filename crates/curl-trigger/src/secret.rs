//! Masking secrets in all output.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use crate::text;

/// Replaces a secret.
pub const MASK: &str = "***";
/// The end of a truncated text.
pub const ELLIPSIS: &str = "…";

/// Shorter values are not masked, as they also occur in ordinary words. In bytes.
const MIN_SECRET_LENGTH: usize = 4;

/// Whether the name of a header contains a word such as `token`, which means that its value is a secret.
pub fn is_secret_header(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["auth", "token", "secret", "password", "cookie", "credential", "api-key", "apikey", "signature"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| text::find(&name, word).is_some())
}

/// The secret values, longest first.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Adds a value. If it has a scheme, as in an `Authorization` header, the part after it is added too.
    pub fn add(&mut self, value: &str) {
        let last = text::after_last(value, b' ');
        for part in [value, last] {
            if part.len() >= MIN_SECRET_LENGTH && !self.0.iter().any(|known| known == part) {
                // Longest first, so that a secret which contains another one is masked completely.
                let place = self.0.iter().position(|known| known.len() < part.len());
                self.0.insert(place.unwrap_or(self.0.len()), part.to_string());
            }
        }
    }

    /// The text with every secret masked, also where a truncation left only the start of a secret.
    pub fn mask(&self, text: &str) -> String {
        let is_truncated = text::find(text, ELLIPSIS).is_some();
        self.0.iter().fold(text.to_string(), |text, secret| {
            let mut text = text::replace(&text, secret, MASK);
            for length in (1..secret.len()).rev().filter(|_| is_truncated) {
                if let Some(start) = secret.get(..length) {
                    text = text::replace(&text, &[start, ELLIPSIS].concat(), &[MASK, ELLIPSIS].concat());
                }
            }
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_with_credentials_are_recognized() {
        for name in ["Authorization", "X-Admin-Secret", "x-internal-token", "Set-Cookie", "X-Api-Key"] {
            assert!(is_secret_header(name), "{name}");
        }
        for name in ["Idempotency-Key", "Content-Type", "Location"] {
            assert!(!is_secret_header(name), "{name}");
        }
    }

    #[test]
    fn a_bearer_token_is_masked_with_and_without_its_scheme() {
        let mut secrets = Secrets::default();
        secrets.add("Bearer abc.def");
        assert_eq!(secrets.mask("got Bearer abc.def, then abc.def"), "got ***, then ***");
    }

    #[test]
    fn a_truncated_secret_is_masked_too() {
        let mut secrets = Secrets::default();
        secrets.add("Bearer abc.dëf");
        for (text, masked) in [
            ("got abc.d…", "got ***…"),
            ("got abc.dë… and more", "got ***… and more"),
            ("got Bearer ab…, then abc.dëf", "got ***…, then ***"),
            ("abc. is whole", "abc. is whole"),
        ] {
            assert_eq!(secrets.mask(text), masked);
        }
    }

    #[test]
    fn a_secret_that_contains_another_one_is_masked_completely() {
        let mut secrets = Secrets::default();
        secrets.add("abcd");
        secrets.add("abcdefgh");
        assert_eq!(secrets.mask("abcdefgh"), "***");
    }
}
