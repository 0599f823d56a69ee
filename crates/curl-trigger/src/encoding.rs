//! Base64, and the encoding of form values.

use alloc::string::String;

use crate::url::path::push_percent_encoded;

/// Base64 with padding (RFC 4648 section 4).
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0;
        for at in 0..3 {
            bits = bits << 8 | usize::from(group.get(at).copied().unwrap_or(0));
        }
        for at in 0..4 {
            let symbol = ALPHABET.get(bits >> (18 - 6 * at) & 63).copied().unwrap_or(b'=');
            text.push(if at > group.len() { '=' } else { char::from(symbol) });
        }
    }
    text
}

/// Appends the bytes as `application/x-www-form-urlencoded` text: a space becomes `+`.
pub fn push_form_encoded(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        match byte {
            b' ' => text.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) => text.push(char::from(*byte)),
            byte => push_percent_encoded(text, *byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;

    #[test]
    fn form_values_are_encoded_as_by_curl() {
        let mut text = String::new();
        push_form_encoded(&mut text, "a b&c/é~.-_\n".as_bytes());
        assert_eq!(text, "a+b%26c%2F%C3%A9~.-_%0A");
    }

    proptest! {
        #[test]
        fn base64_is_that_of_the_standard_crate(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(base64(&bytes), BASE64_STANDARD.encode(&bytes));
        }
    }
}
