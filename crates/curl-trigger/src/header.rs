//! Request headers as `-H` gives them.

use alloc::{string::String, vec::Vec};

use crate::exit::Failure;

/// A request header. Its name is a token and its value one line, by construction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The name as written.
    pub name: String,
    /// The value; may be empty.
    pub value: String,
}

impl Header {
    /// A header, unless name or value could break out of their line. The error never quotes the value.
    pub fn new(name: &str, value: &str) -> Result<Self, Failure> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Failure::usage(format_args!(
                "a header's name is empty or has a character that no header name has"
            )));
        }
        if value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
            return Err(Failure::usage(format_args!(
                "the value of header {name} holds a line break or another control character"
            )));
        }
        Ok(Self { name: name.into(), value: value.trim_ascii().into() })
    }
}

/// What one `-H` asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rule {
    /// `Name: value`, or `Name;` for an empty value.
    Set(Header),
    /// `Name:` leaves out a header that would have been sent.
    Remove(String),
}

impl Rule {
    /// Reads the text of one `-H`. Nothing is asked for by an empty text.
    pub fn parse(text: &str) -> Result<Option<Self>, Failure> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.trim_ascii().is_empty() && !text.contains(['\r', '\n']) {
            return Ok(None);
        }
        if let Some((name, value)) = text.split_once(':') {
            let header = Header::new(name, value)?;
            let rule = if header.value.is_empty() { Self::Remove(header.name) } else { Self::Set(header) };
            return Ok(Some(rule));
        }
        match text.trim_ascii_end().strip_suffix(';') {
            Some(name) => Ok(Some(Self::Set(Header::new(name, "")?))),
            None => Err(Failure::usage(format_args!(
                "a header given with -H has no colon: write it as 'Name: value'"
            ))),
        }
    }
}

/// The headers of a request, in order, with what `-H` sets and removes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers {
    rules: Vec<Rule>,
}

impl Headers {
    /// Adds what one `-H` asks for.
    pub fn push(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// Adds a header of the program's own, unless `-H` spoke about that name.
    pub fn set_default(&mut self, header: Header) {
        if !self.mentions(&header.name) {
            self.rules.push(Rule::Set(header));
        }
    }

    /// Whether `-H` set or removed this header.
    pub fn mentions(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Set(header) => header.name.eq_ignore_ascii_case(name),
            Rule::Remove(removed) => removed.eq_ignore_ascii_case(name),
        })
    }

    /// The headers to send.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Set(header) => Some(header),
            Rule::Remove(_) => None,
        })
    }

    /// The value of a header that will be sent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// The same without those that `drop` picks.
    #[must_use]
    pub fn without(&self, drop: impl Fn(&str) -> bool) -> Self {
        let kept = |rule: &&Rule| !matches!(rule, Rule::Set(header) if drop(&header.name));
        Self { rules: self.rules.iter().filter(kept).cloned().collect() }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms_of_a_header_are_told_apart() {
        let set = |name, value| Some(Rule::Set(Header::new(name, value).expect("valid")));
        assert_eq!(Rule::parse("X-A: b c ").expect("set"), set("X-A", "b c"));
        assert_eq!(Rule::parse("X-A;").expect("empty"), set("X-A", ""));
        assert_eq!(Rule::parse("Accept:").expect("removed"), Some(Rule::Remove("Accept".into())));
        assert_eq!(Rule::parse("").expect("nothing"), None);
    }

    #[test]
    fn injection_is_refused_without_quoting_the_value() {
        for text in
            ["X-A: hunter2\r\nX-B: c", "X-A: hunter2\nX-B: c", "X-A: hunter2\0", "X A: hunter2", "hunter2"]
        {
            let failure = Rule::parse(text).expect_err(text);
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }

    #[test]
    fn a_default_gives_way_to_what_was_asked_for() {
        let mut headers = Headers::default();
        headers.push(Rule::Remove("accept".into()));
        headers.set_default(Header::new("Accept", "*/*").expect("valid"));
        assert_eq!(headers.iter().count(), 0);
    }

    proptest! {
        #[test]
        fn no_header_that_passes_holds_a_line_break(text in "[\\x00-\\x7f]{0,40}") {
            if let Ok(Some(Rule::Set(header))) = Rule::parse(&text) {
                let breaks = |part: &str| part.contains(['\r', '\n', '\0']);
                prop_assert!(!breaks(&header.name) && !breaks(&header.value));
            }
        }
    }
}
