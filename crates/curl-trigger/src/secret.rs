//! What must never be printed.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use crate::text;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
/// What stands at the end of a text that was cut.
pub const CUT: &str = "…";

/// Shorter values are not searched for in texts: they would blank out ordinary words.
const SHORTEST: usize = 4;

/// Whether a header of this name carries a credential, judged by the words in the name.
pub fn is_secret_header(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["auth", "token", "secret", "password", "cookie", "credential", "api-key", "apikey", "signature"];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| text::find(&name, word).is_some())
}

/// The secret values of this run, so that any text can be cleaned of them before it is printed.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Remembers a value. Of `Scheme value`, as in an `Authorization` header, the value counts as well.
    pub fn add(&mut self, value: &str) {
        let last = value.rsplit(' ').next().unwrap_or_default();
        for part in [value, last] {
            if part.len() >= SHORTEST && !self.0.iter().any(|known| known == part) {
                // Longest first: a secret that contains another one is masked whole.
                let place = self.0.iter().position(|known| known.len() < part.len());
                self.0.insert(place.unwrap_or(self.0.len()), part.to_string());
            }
        }
    }

    /// The text with every known secret masked, and with the beginning of one that ends at a [`CUT`].
    pub fn clean(&self, text: &str) -> String {
        let is_cut = text::find(text, CUT).is_some();
        self.0.iter().fold(text.to_string(), |text, secret| {
            let mut text = text::replace(&text, secret, MASK);
            for length in (1..secret.len()).rev().filter(|_| is_cut) {
                if let Some(beginning) = secret.get(..length) {
                    text = text::replace(&text, &[beginning, CUT].concat(), &[MASK, CUT].concat());
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
    fn names_that_carry_credentials_are_known() {
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
        assert_eq!(secrets.clean("got Bearer abc.def, then abc.def"), "got ***, then ***");
    }

    #[test]
    fn a_secret_that_was_cut_is_masked_too() {
        let mut secrets = Secrets::default();
        secrets.add("Bearer abc.dëf");
        for (text, clean) in [
            ("got abc.d…", "got ***…"),
            ("got abc.dë… and more", "got ***… and more"),
            ("got Bearer ab…, then abc.dëf", "got ***…, then ***"),
            ("abc. is whole", "abc. is whole"),
        ] {
            assert_eq!(secrets.clean(text), clean);
        }
    }

    #[test]
    fn the_longer_of_two_secrets_is_masked_whole() {
        let mut secrets = Secrets::default();
        secrets.add("abcd");
        secrets.add("abcdefgh");
        assert_eq!(secrets.clean("abcdefgh"), "***");
    }
}
