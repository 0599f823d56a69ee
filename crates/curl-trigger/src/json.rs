//! Finding strings in a JSON text (RFC 8259) without building it in memory.

use alloc::string::String;

/// The maximum nesting.
const MAX_DEPTH: usize = 32;

/// The string or number at a path of object keys, such as `["links", "self"]`. `None` if there is no such value, if it
/// has another type, or if the text before it is not JSON. If a key is repeated, the first one is used.
pub fn find(text: &str, path: &[&str]) -> Option<String> {
    let mut scanner = Scanner { rest: text };
    scanner.find(path)
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn find(&mut self, path: &[&str]) -> Option<String> {
        let Some((first, rest)) = path.split_first() else {
            return self.scalar();
        };
        self.expect('{')?;
        if self.expect('}').is_some() {
            return None;
        }
        loop {
            let key = self.string()?;
            self.expect(':')?;
            if key == *first {
                return self.find(rest);
            }
            self.skip(MAX_DEPTH)?;
            self.expect(',')?;
        }
    }

    fn expect(&mut self, character: char) -> Option<()> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        self.rest = self.rest.strip_prefix(character)?;
        Some(())
    }

    fn scalar(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if self.rest.starts_with('"') {
            return self.string();
        }
        let number = self.literal();
        number.starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| number.into())
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> &'a str {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
        let (literal, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        literal
    }

    fn string(&mut self) -> Option<String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            let (plain, rest) = self.rest.split_at(end);
            text.push_str(plain);
            self.rest = rest.get(1..)?;
            if rest.starts_with('"') {
                return Some(text);
            }
            text.push(self.escape()?);
        }
    }

    /// The rest of an escape sequence, after its backslash.
    fn escape(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let escaped = match characters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                self.rest = characters.as_str();
                return self.unicode();
            }
            other @ ('"' | '\\' | '/') => other,
            _ => return None,
        };
        self.rest = characters.as_str();
        Some(escaped)
    }

    fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let low = self.hex4()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits =
            self.rest.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.rest = self.rest.get(4..)?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Skips one value.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        if self.rest.starts_with('"') {
            return self.string().map(drop);
        }
        if self.expect('{').is_some() {
            if self.expect('}').is_some() {
                return Some(());
            }
            loop {
                self.string()?;
                self.expect(':')?;
                self.skip(depth)?;
                if self.expect(',').is_none() {
                    return self.expect('}');
                }
            }
        }
        if self.expect('[').is_some() {
            if self.expect(']').is_some() {
                return Some(());
            }
            loop {
                self.skip(depth)?;
                if self.expect(',').is_none() {
                    return self.expect(']');
                }
            }
        }
        (!self.literal().is_empty()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_are_found_by_their_path() {
        let text = r#" {"a":[1,{"run_id":"no"},[]],"o":{}, "links": {"x":null,"self":"/v1/runs/1"}, "run_id" : "r\u00e9\ud83d\ude00\n", "n":-1.5e3}"#;
        assert_eq!(find(text, &["run_id"]).as_deref(), Some("ré😀\n"));
        assert_eq!(find(text, &["links", "self"]).as_deref(), Some("/v1/runs/1"));
        assert_eq!(find(text, &["n"]).as_deref(), Some("-1.5e3"));
        for absent in [&["x"][..], &["links"], &["links", "x"], &["o", "p"], &["run_id", "x"]] {
            assert_eq!(find(text, absent), None, "{absent:?}");
        }
    }

    #[test]
    fn too_deep_nesting_is_rejected() {
        let deep = alloc::format!("{{\"a\":{}", "[".repeat(100_000));
        assert_eq!(find(&deep, &["b"]), None);
    }

    proptest! {
        #[test]
        fn no_text_crashes_the_scanner(text in "[\\[\\]{}\":,\\\\u0-9aé \n]{0,60}") {
            let _ = find(&text, &["a"]);
            let _ = find(&alloc::format!("{{\"b\":{text},\"a\":1}}"), &["a"]);
        }

        #[test]
        fn a_string_without_escapes_is_returned_unchanged(value in "[^\"\\\\]{0,30}") {
            let text = alloc::format!("{{\"other\":[{{}}],\"key\":\"{value}\"}}");
            prop_assert_eq!(find(&text, &["key"]), Some(value));
        }
    }
}
