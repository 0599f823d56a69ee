//! Reads JSON as the framework of the replaced system does, so that clients get the same errors with the same offsets. It
//! accepts `NaN` and infinite numbers, integers of any size, and halves of surrogate pairs.

use std::collections::BTreeMap;

/// The maximum depth of nested arrays and objects.
const MAX_DEPTH: usize = 128;
/// The maximum number of digits of an integer.
const MAX_DIGITS: usize = 4300;
const WORDS: [(&str, JsonValue); 6] = [
    ("null", JsonValue::Null),
    ("true", JsonValue::Other),
    ("false", JsonValue::Other),
    ("NaN", JsonValue::Other),
    ("Infinity", JsonValue::Other),
    ("-Infinity", JsonValue::Other),
];

/// A value, as far as the fields of definitions need it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum JsonValue {
    Null,
    Text(String),
    /// A text with half of a surrogate pair.
    InvalidText,
    /// An integer; None if it is negative or not a `u64`.
    Integer(Option<u64>),
    Object(BTreeMap<String, JsonValue>),
    /// An array, a boolean or a number that is not an integer.
    Other,
}

/// The text can't be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ScanError {
    /// It is not JSON from this character on.
    Invalid(usize),
    /// It exceeds a limit.
    Limit,
}

type Scanned<T> = Result<T, ScanError>;

/// Reads a text, which may begin with a byte order mark.
pub(super) fn scan(text: &str) -> Scanned<JsonValue> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut scanner = Scanner { text: text.chars().collect(), position: 0, depth: 0 };
    scanner.skip_whitespace();
    let value = scanner.value()?;
    scanner.skip_whitespace();
    if scanner.peek().is_none() { Ok(value) } else { scanner.invalid() }
}

struct Scanner {
    text: Vec<char>,
    position: usize,
    depth: usize,
}

impl Scanner {
    fn at(&self, position: usize) -> Option<char> {
        self.text.get(position).copied()
    }

    fn peek(&self) -> Option<char> {
        self.at(self.position)
    }

    fn invalid<T>(&self) -> Scanned<T> {
        Err(ScanError::Invalid(self.position))
    }

    fn skip_whitespace(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.position += 1;
        }
    }

    fn value(&mut self) -> Scanned<JsonValue> {
        match self.peek() {
            Some('"') => Ok(self.string()?.map_or(JsonValue::InvalidText, JsonValue::Text)),
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            _ => self.word().map_or_else(|| self.number(), Ok),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Scanned<JsonValue>) -> Scanned<JsonValue> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ScanError::Limit);
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Scanned<JsonValue> {
        let mut fields = BTreeMap::new();
        self.elements('}', |scanner| {
            if scanner.peek() != Some('"') {
                return scanner.invalid();
            }
            let name = scanner.string()?;
            scanner.skip_whitespace();
            if scanner.peek() != Some(':') {
                return scanner.invalid();
            }
            scanner.position += 1;
            scanner.skip_whitespace();
            let value = scanner.value()?;
            // No field that is read has a name with half of a surrogate pair.
            fields.extend(name.map(|name| (name, value)));
            Ok(())
        })?;
        Ok(JsonValue::Object(fields))
    }

    fn array(&mut self) -> Scanned<JsonValue> {
        self.elements(']', |scanner| scanner.value().map(drop))?;
        Ok(JsonValue::Other)
    }

    /// Reads what is between brackets, separated by commas.
    fn elements(&mut self, end: char, mut read: impl FnMut(&mut Self) -> Scanned<()>) -> Scanned<()> {
        self.position += 1;
        self.skip_whitespace();
        let mut is_complete = self.peek() == Some(end);
        while !is_complete {
            read(self)?;
            self.skip_whitespace();
            is_complete = self.peek() == Some(end);
            if !is_complete {
                if self.peek() != Some(',') {
                    return self.invalid();
                }
                self.position += 1;
                self.skip_whitespace();
            }
        }
        self.position += 1;
        Ok(())
    }

    fn word(&mut self) -> Option<JsonValue> {
        let rest = self.text.get(self.position..)?;
        let starts = |word: &str| word.chars().eq(rest.iter().copied().take(word.len()));
        let (word, value) = WORDS.into_iter().find(|(word, _)| starts(word))?;
        self.position += word.len();
        Some(value)
    }

    fn number(&mut self) -> Scanned<JsonValue> {
        let start = self.position + usize::from(self.peek() == Some('-'));
        let whole_end = match self.at(start) {
            Some('0') => start + 1,
            Some('1'..='9') => self.digits_end(start),
            _ => return self.invalid(),
        };
        let mut end = whole_end;
        if self.at(end) == Some('.') {
            let fraction_end = self.digits_end(end + 1);
            end = if fraction_end > end + 1 { fraction_end } else { end };
        }
        if matches!(self.at(end), Some('e' | 'E')) {
            let digits = end + 1 + usize::from(matches!(self.at(end + 1), Some('+' | '-')));
            let exponent_end = self.digits_end(digits);
            end = if exponent_end > digits { exponent_end } else { end };
        }
        let text: String = self.text.get(self.position..end).unwrap_or_default().iter().collect();
        self.position = end;
        if end > whole_end {
            return Ok(JsonValue::Other);
        }
        if whole_end - start > MAX_DIGITS {
            return Err(ScanError::Limit);
        }
        let integer = text.parse::<i128>().ok();
        Ok(JsonValue::Integer(integer.and_then(|integer| integer.try_into().ok())))
    }

    fn digits_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        start + rest.iter().take_while(|character| character.is_ascii_digit()).count()
    }

    /// Reads a string; None if it has half of a surrogate pair.
    fn string(&mut self) -> Scanned<Option<String>> {
        let begin = self.position;
        self.position += 1;
        let mut units = Vec::new();
        loop {
            match self.peek() {
                None => return Err(ScanError::Invalid(begin)),
                Some('"') => break,
                Some('\0'..='\x1f') => return self.invalid(),
                Some('\\') => {
                    self.position += 1;
                    units.push(self.escape(begin)?);
                }
                Some(character) => {
                    units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
                    self.position += 1;
                }
            }
        }
        self.position += 1;
        Ok(String::from_utf16(&units).ok())
    }

    /// Reads what follows a backslash of the string that begins there.
    fn escape(&mut self, begin: usize) -> Scanned<u16> {
        let escaped = self.peek().ok_or(ScanError::Invalid(begin))?;
        let character = match escaped {
            '"' | '\\' | '/' => escaped,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode_escape(),
            _ => return Err(ScanError::Invalid(self.position - 1)),
        };
        self.position += 1;
        Ok(character as u16)
    }

    fn unicode_escape(&mut self) -> Scanned<u16> {
        // What follows the digits is at least the quote that ends the string.
        let digits = self.text.get(self.position + 1..self.position + 6).unwrap_or_default();
        let digits: String = digits.iter().take(4).filter(|digit| digit.is_ascii_hexdigit()).collect();
        let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
        let unit = unit.map_or_else(|| self.invalid(), Ok)?;
        self.position += 5;
        Ok(unit)
    }
}

#[cfg(test)]
mod tests;
