//! Property tests: a text that differs from a valid credential is rejected.

use std::fs;
use std::sync::LazyLock;

use common::auth::Authenticator;
use proptest::prelude::*;
use proptest::sample::Index;
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use crate::support::key::{Key, key_set, with_audience_and_issuer};
use crate::support::{authenticate, authenticator, claims};

const TOKEN: &str = "0123456789abcdef+/==";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An authenticator with a key of each kind, a valid token of each, and the file with the keys.
static FIXTURE: LazyLock<(Authenticator, Vec<String>, NamedTempFile)> = LazyLock::new(|| {
    let keys = [Key::rs256(1), Key::es256(), Key::eddsa(), Key::hs256(SECRET)];
    let file = NamedTempFile::new().unwrap();
    let jwks: Vec<_> = keys.iter().map(|key| key.jwk(key.algorithm())).collect();
    fs::write(file.path(), key_set(&jwks)).unwrap();
    let mut values = with_audience_and_issuer("JWKS_FILE", file.path().to_str().unwrap()).to_vec();
    values.extend([("JWT_SECRET", SECRET), ("INTERNAL_TOKEN", TOKEN)]);
    let tokens = keys.iter().map(|key| key.token(key.algorithm(), &claims())).collect();
    (runtime().block_on(authenticator(&values)), tokens, file)
});

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Whether a request with this header is accepted.
fn is_accepted(name: &'static str, value: &str) -> bool {
    runtime().block_on(authenticate(&FIXTURE.0, &[(name, value)])).is_ok_and(|caller| caller.is_some())
}

/// A change of a text.
#[derive(Clone, Debug)]
enum Change {
    Replace(Index, char),
    Insert(Index, char),
    Remove(Index),
    Swap(Index, Index),
    FlipCase(Index),
    Cut(Index),
    Repeat,
}

impl Change {
    fn apply(&self, text: &str) -> String {
        let mut all: Vec<char> = text.chars().collect();
        let length = all.len();
        match self {
            _ if all.is_empty() => {}
            Self::Replace(place, character) => all[place.index(length)] = *character,
            Self::Insert(place, character) => all.insert(place.index(length + 1), *character),
            Self::Remove(place) => drop(all.remove(place.index(length))),
            Self::Swap(one, other) => all.swap(one.index(length), other.index(length)),
            Self::FlipCase(place) => {
                let character = &mut all[place.index(length)];
                *character = if character.is_ascii_lowercase() {
                    character.to_ascii_uppercase()
                } else {
                    character.to_ascii_lowercase()
                };
            }
            Self::Cut(place) => all.truncate(place.index(length)),
            Self::Repeat => all.extend_from_within(..),
        }
        all.into_iter().collect()
    }
}

fn change() -> impl Strategy<Value = Change> {
    let character =
        prop_oneof![prop::char::range('!', '~'), prop::sample::select(vec!['.', '=', '-', '_', 'A'])];
    prop_oneof![
        (any::<Index>(), character.clone()).prop_map(|(place, character)| Change::Replace(place, character)),
        (any::<Index>(), character).prop_map(|(place, character)| Change::Insert(place, character)),
        any::<Index>().prop_map(Change::Remove),
        any::<(Index, Index)>().prop_map(|(one, other)| Change::Swap(one, other)),
        any::<Index>().prop_map(Change::FlipCase),
        any::<Index>().prop_map(Change::Cut),
        Just(Change::Repeat),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_changed_jwt_is_accepted(changes in prop::collection::vec(change(), 1..4), which: Index) {
        let right = which.get(&FIXTURE.1);
        let header = |token: &str| format!("Bearer {token}");
        let changed = changes.iter().fold(right.clone(), |text, change| change.apply(&text));
        prop_assume!(changed != *right);
        prop_assert!(!is_accepted("authorization", &header(&changed)), "{changed}");
        prop_assert!(is_accepted("authorization", &header(right)));
    }

    #[test]
    fn no_changed_secret_is_accepted(changes in prop::collection::vec(change(), 1..4)) {
        let changed = changes.iter().fold(TOKEN.to_owned(), |text, change| change.apply(&text));
        prop_assume!(changed != TOKEN);
        prop_assert!(!is_accepted("x-internal-token", &changed), "{changed}");
        prop_assert!(is_accepted("x-internal-token", TOKEN));
    }

    #[test]
    fn no_text_at_all_is_a_jwt(text in "[ -~]{0,64}") {
        let value = format!("Bearer {text}");
        prop_assert!(!is_accepted("authorization", &value));
    }

    /// The last character of base64url can have unused bits, which must be zero.
    #[test]
    fn a_signature_has_only_one_accepted_encoding(last in prop::char::range('!', '~'), which: Index) {
        let right = which.get(&FIXTURE.1);
        let mut changed = right.clone();
        changed.pop();
        changed.push(last);
        let value = format!("Bearer {changed}");
        prop_assert_eq!(is_accepted("authorization", &value), changed == *right);
    }
}
