//! The original texts of ids that are JSON numbers with a point or an exponent. A double may not represent them exactly.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The name of the fields that contain ids.
const ID: &str = "trade_id";

/// The original texts of a document's ids. They are collected on first use, because most documents need none.
pub(super) struct IdTexts<'a> {
    document: &'a [u8],
    by_pointer: OnceCell<HashMap<String, String>>,
}

impl<'a> IdTexts<'a> {
    /// The ids of a document, which must be valid JSON.
    pub(super) fn of(document: &'a [u8]) -> Self {
        Self { document, by_pointer: OnceCell::new() }
    }

    /// The text of the id at a JSON pointer (RFC 6901).
    pub(super) fn get(&self, pointer: &str) -> Option<&str> {
        let texts = self.by_pointer.get_or_init(|| {
            let mut texts = HashMap::new();
            let collector = IdCollector { pointer: &mut String::new(), texts: &mut texts };
            // The document was parsed before, so this can't fail.
            let _ = collector.deserialize(&mut serde_json::Deserializer::from_slice(self.document));
            texts
        });
        texts.get(pointer).map(String::as_str)
    }
}

/// Appends a key to a JSON pointer.
pub(super) fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
}

/// Visits a value and collects the texts of the ids in it.
struct IdCollector<'w> {
    pointer: &'w mut String,
    texts: &'w mut HashMap<String, String>,
}

impl IdCollector<'_> {
    fn inner(&mut self) -> IdCollector<'_> {
        IdCollector { pointer: self.pointer, texts: self.texts }
    }
}

impl<'a> DeserializeSeed<'a> for IdCollector<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for IdCollector<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let length = self.pointer.len();
            push_key(self.pointer, &key);
            if key == ID {
                let raw: &RawValue = entries.next_value()?;
                self.texts.insert(self.pointer.clone(), raw.get().to_owned());
            } else {
                entries.next_value_seed(self.inner())?;
            }
            self.pointer.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let length = self.pointer.len();
        for index in 0.. {
            let _ = write!(self.pointer, "/{index}");
            let element = elements.next_element_seed(self.inner())?;
            self.pointer.truncate(length);
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_ids_are_found_at_every_depth_with_all_their_digits() {
        let document =
            br#"{"a/b": [{"trade_id": 9007199254740993.0}, null], "trade_id": 1e2, "x": {"id": 1}}"#;
        let ids = IdTexts::of(document);
        assert_eq!(ids.get("/a~1b/0/trade_id"), Some("9007199254740993.0"));
        assert_eq!(ids.get("/trade_id"), Some("1e2"));
        assert_eq!((ids.get("/x/id"), ids.get("/a~1b/1")), (None, None));
    }
}
