//! A JSON value with its path in the document.

use std::fmt;

use jiff::civil::Date;
use serde_json::Value;

use super::error::{NormalizeError, Result};
use super::id_texts::{IdTexts, push_key};
use crate::domain::{MAX_ID, Moment, numeric_text};

/// A value of the document. Its path is used in errors that name the field.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: Path<'a>,
    ids: &'a IdTexts<'a>,
}

/// The path of a value. It is formatted only if an error needs it.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Path<'_> {
    /// The path as a JSON pointer.
    fn pointer(&self) -> String {
        match self {
            Path::Root => String::new(),
            Path::Key(parent, key) => {
                let mut pointer = parent.pointer();
                push_key(&mut pointer, key);
                pointer
            }
            Path::Index(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("document"),
            Path::Key(Path::Root, key) => f.write_str(key),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value, ids: &'a IdTexts<'a>) -> Self {
        Self { value, path: Path::Root, ids }
    }

    pub(super) fn invalid(&self, message: impl Into<String>) -> NormalizeError {
        NormalizeError::InvalidField { field: self.path.to_string(), message: message.into() }
    }

    fn must_be(&self, expected: &str) -> NormalizeError {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        self.invalid(format!("must be {expected}, is {found}"))
    }

    /// The first field that is present of several names. `null` counts as absent.
    pub(super) fn field<'n>(&'n self, names: &[&'n str]) -> Result<Option<Node<'n>>> {
        let object = self.value.as_object().ok_or_else(|| self.must_be("an object"))?;
        Ok(names.iter().find_map(|key| {
            let value = object.get(*key).filter(|value| !value.is_null())?;
            Some(Node { value, path: Path::Key(&self.path, key), ids: self.ids })
        }))
    }

    /// The same for a required field.
    pub(super) fn required<'n>(&'n self, names: &[&'n str]) -> Result<Node<'n>> {
        self.field(names)?.ok_or_else(|| {
            let path = Path::Key(&self.path, names[0]);
            let missing = Node { value: &Value::Null, path, ids: self.ids };
            missing.invalid("is missing")
        })
    }

    /// The elements, without those that are `null`.
    pub(super) fn items(&self) -> Result<impl Iterator<Item = Node<'_>>> {
        let items = self.value.as_array().ok_or_else(|| self.must_be("an array"))?;
        let present = items.iter().enumerate().filter(|(_, value)| !value.is_null());
        Ok(present.map(|(index, value)| Node { value, path: Path::Index(&self.path, index), ids: self.ids }))
    }

    /// The entries with their unchanged keys, without those that are `null`.
    pub(super) fn entries(&self) -> Result<impl Iterator<Item = (&str, Node<'_>)>> {
        let object = self.value.as_object().ok_or_else(|| self.must_be("an object"))?;
        Ok(object.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
            (key.as_str(), Node { value, path: Path::Key(&self.path, key), ids: self.ids })
        }))
    }

    /// A trimmed text.
    pub(super) fn text(&self) -> Result<&'a str> {
        Ok(self.raw_text()?.trim())
    }

    /// An unchanged text.
    pub(super) fn raw_text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.must_be("a string"))
    }

    /// A trimmed text that is not empty.
    pub(super) fn name(&self) -> Result<&'a str> {
        match self.text()? {
            "" => Err(self.must_be("a name")),
            name => Ok(name),
        }
    }

    /// A key of this object as the name of a KPI.
    pub(super) fn key_name(&self, key: &str) -> Result<String> {
        match key.trim() {
            "" => Err(self.invalid("has a value under an empty name")),
            name => Ok(name.to_owned()),
        }
    }

    /// A finite number, or its text. None for the texts of NaN and the infinities, which are dropped.
    pub(super) fn number(&self) -> Result<Option<f64>> {
        match self.value {
            Value::Number(_) => self.finite().map(Some),
            Value::String(text) if numeric_text::is_not_finite(text.trim()) => Ok(None),
            Value::String(text) => match numeric_text::number(text.trim()) {
                Some(number) => Ok(Some(number)),
                None => Err(self.must_be("a finite number")),
            },
            _ => Err(self.must_be("a finite number")),
        }
    }

    fn finite(&self) -> Result<f64> {
        match self.value.as_f64() {
            Some(number) if self.value.is_number() && number.is_finite() => Ok(number),
            _ => Err(self.must_be("a finite number")),
        }
    }

    /// A KPI's displayed value: a text, or a number as ECMAScript formats it.
    pub(super) fn displayed(&self) -> Result<String> {
        match self.value {
            Value::String(text) => Ok(text.trim().to_owned()),
            Value::Number(_) => Ok(ryu_js::Buffer::new().format_finite(self.finite()?).to_owned()),
            _ => Err(self.must_be("a string or a finite number")),
        }
    }

    /// A whole number of at most 2^53, or its text, read exactly.
    pub(super) fn id(&self) -> Result<i64> {
        let id = match self.value {
            Value::String(text) => numeric_text::whole(text.trim()),
            Value::Number(number) => match number.as_i64() {
                Some(id) => (-MAX_ID..=MAX_ID).contains(&id).then_some(id),
                // The parser may have rounded the number to a double, so the original text is read.
                None => self.ids.get(&self.path.pointer()).and_then(numeric_text::whole),
            },
            _ => None,
        };
        id.ok_or_else(|| self.must_be("a whole number of at most 2^53"))
    }

    pub(super) fn date(&self) -> Result<Date> {
        let text = self.raw_text()?;
        // jiff also accepts other formats of a date.
        let date: Option<Date> = text.parse().ok().filter(|_| text.len() == "YYYY-MM-DD".len());
        date.ok_or_else(|| self.must_be("an existing day in the format YYYY-MM-DD"))
    }

    pub(super) fn moment(&self) -> Result<Moment> {
        Moment::from_text(self.raw_text()?).ok_or_else(|| self.must_be("a time such as 2026-02-11T09:30:00Z"))
    }

    /// The value as JavaScript would serialize it: numbers are doubles. `null` is removed at all depths.
    pub(super) fn as_json(&self) -> Value {
        without_nulls(self.value)
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.iter().filter(|item| !item.is_null()).map(without_nulls).collect(),
        Value::Object(entries) => {
            let present = entries.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        other => other.clone(),
    }
}
