//! Request headers and the rules of `-H`.

use alloc::{string::String, vec::Vec};

use crate::exit::Failure;

/// A request header. Its name is a token; its value has no line break.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// The name, in its original case.
    pub name: String,
    /// The value; may be empty.
    pub value: String,
}

impl Header {
    /// A header. Name and value must not contain a line break or another invalid character. The error never
    /// contains the value.
    pub fn new(name: &str, value: &str) -> Result<Self, Failure> {
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Failure::usage(format_args!("its name is empty or has an invalid character")));
        }
        if value.bytes().any(|byte| byte != b'\t' && (byte < b' ' || byte == 0x7f)) {
            return Err(Failure::usage(format_args!(
                "the value of {name} contains a line break or another control character"
            )));
        }
        Ok(Self { name: name.into(), value: value.trim_ascii().into() })
    }
}

/// One `-H` option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderRule {
    /// `Name: value`, or `Name;` for an empty value.
    Set(Header),
    /// `Name:` removes a header that is sent by default.
    Remove(String),
}

impl HeaderRule {
    /// Parses the value of one `-H`; `None` if it is empty.
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
        match text.strip_suffix(';') {
            Some(name) => Ok(Some(Self::Set(Header::new(name, "")?))),
            None => Err(Failure::usage(format_args!(
                "it has no colon; write it as 'Name: value', or 'Name;' for an empty value"
            ))),
        }
    }
}

/// The headers of a request, in order, with those that `-H` removes.
///
/// They are sent in curl's order: defaults, those of `-H`, then the type of the body.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers {
    rules: Vec<HeaderRule>,
    /// The number of defaults, which precede the other rules.
    defaults: usize,
    content_type: Option<Header>,
}

impl Headers {
    /// Adds the rule of one `-H`.
    pub fn push(&mut self, rule: HeaderRule) {
        self.rules.push(rule);
    }

    /// Adds a default header, unless `-H` sets or removes a header of that name.
    pub fn set_default(&mut self, header: Header) {
        if !self.mentions(&header.name) {
            self.rules.insert(self.defaults, HeaderRule::Set(header));
            self.defaults += 1;
        }
    }

    /// Sets the type of the body, unless `-H` sets or removes it.
    pub fn set_content_type(&mut self, value: &str) -> Result<(), Failure> {
        let header = Header::new("Content-Type", value)?;
        if !self.mentions(&header.name) {
            self.content_type = Some(header);
        }
        Ok(())
    }

    /// Whether a rule sets or removes this header.
    pub fn mentions(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| match rule {
            HeaderRule::Set(header) => header.name.eq_ignore_ascii_case(name),
            HeaderRule::Remove(removed) => removed.eq_ignore_ascii_case(name),
        })
    }

    /// The headers to send before the length of the body.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.rules.iter().filter_map(|rule| match rule {
            HeaderRule::Set(header) => Some(header),
            HeaderRule::Remove(_) => None,
        })
    }

    /// The header to send after the length of the body.
    pub fn content_type(&self) -> Option<&Header> {
        self.content_type.as_ref()
    }

    /// The value of a header to send.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.iter().chain(&self.content_type);
        all.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
    }

    /// The same headers without those whose name matches `drop`.
    #[must_use]
    pub fn without(&self, drop: impl Fn(&str) -> bool) -> Self {
        let is_kept = |rule: &&HeaderRule| !matches!(rule, HeaderRule::Set(header) if drop(&header.name));
        let content_type = self.content_type.clone().filter(|header| !drop(&header.name));
        Self { rules: self.rules.iter().filter(is_kept).cloned().collect(), defaults: 0, content_type }
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
    fn the_three_forms_of_a_header_are_distinguished() {
        let set = |name, value| Some(HeaderRule::Set(Header::new(name, value).expect("valid")));
        assert_eq!(HeaderRule::parse("X-A: b c ").expect("set"), set("X-A", "b c"));
        assert_eq!(HeaderRule::parse("X-A;").expect("empty"), set("X-A", ""));
        assert_eq!(HeaderRule::parse("Accept:").expect("removed"), Some(HeaderRule::Remove("Accept".into())));
        assert_eq!(HeaderRule::parse("").expect("nothing"), None);
    }

    #[test]
    fn injection_is_rejected_without_printing_the_value() {
        for text in
            ["X-A: hunter2\r\nX-B: c", "X-A: hunter2\nX-B: c", "X-A: hunter2\0", "X A: hunter2", "hunter2"]
        {
            let failure = HeaderRule::parse(text).expect_err(text);
            assert!(!failure.message.contains("hunter2"), "{}", failure.message);
        }
    }

    #[test]
    fn a_rule_overrides_a_default_header() {
        let mut headers = Headers::default();
        headers.push(HeaderRule::Remove("accept".into()));
        headers.set_default(Header::new("Accept", "*/*").expect("valid"));
        assert_eq!(headers.iter().count(), 0);
    }

    proptest! {
        #[test]
        fn no_valid_header_contains_a_line_break(text in "[\\x00-\\x7f]{0,40}") {
            if let Ok(Some(HeaderRule::Set(header))) = HeaderRule::parse(&text) {
                let breaks = |part: &str| part.contains(['\r', '\n', '\0']);
                prop_assert!(!breaks(&header.name) && !breaks(&header.value));
            }
        }
    }
}
