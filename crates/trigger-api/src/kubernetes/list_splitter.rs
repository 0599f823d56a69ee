//! Splits the JSON of a list into its items while it arrives.

use std::io::Error as IoError;

/// The maximum length of an item, and of everything else together, in bytes. The API server accepts objects of up to
/// 3 MiB.
const MAX_PART_BYTES: usize = 8 * 1024 * 1024;

/// The depth inside the array of items: an object contains the array.
const ITEMS_DEPTH: usize = 2;

/// Splits a JSON object with one array of objects, such as a `JobList`.
#[derive(Default)]
pub(super) struct ListSplitter {
    /// The object without the items.
    envelope: Vec<u8>,
    /// The first part of an item that has not arrived completely.
    item: Vec<u8>,
    depth: usize,
    in_items: bool,
    string: StringState,
}

#[derive(Clone, Copy, Default)]
enum StringState {
    #[default]
    Outside,
    Inside,
    /// After a backslash.
    Escape,
}

impl ListSplitter {
    /// Takes the next bytes, and passes on each item that they complete.
    pub(super) fn push(
        &mut self,
        chunk: &[u8],
        mut complete: impl FnMut(&[u8]) -> kube::Result<()>,
    ) -> kube::Result<()> {
        // The first byte of the chunk that is not in the envelope or in the item yet.
        let mut start = 0;
        for (at, &byte) in chunk.iter().enumerate() {
            if self.is_in_string(byte) {
                continue;
            }
            match byte {
                b'{' | b'[' => {
                    if self.is_between_items() {
                        start = at;
                    }
                    self.depth += 1;
                    if byte == b'[' && self.depth == ITEMS_DEPTH {
                        self.in_items = true;
                        append(&mut self.envelope, &chunk[start..=at])?;
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.is_between_items() {
                        append(&mut self.item, &chunk[start..=at])?;
                        complete(&self.item)?;
                        self.item.clear();
                    } else if self.in_items && self.depth < ITEMS_DEPTH {
                        self.in_items = false;
                        start = at;
                    }
                }
                _ => {}
            }
        }
        match self.in_items {
            false => append(&mut self.envelope, &chunk[start..]),
            // What is between two items is dropped.
            true if self.is_between_items() => Ok(()),
            true => append(&mut self.item, &chunk[start..]),
        }
    }

    /// The object without the items; complete after the last push.
    pub(super) fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    fn is_between_items(&self) -> bool {
        self.in_items && self.depth == ITEMS_DEPTH
    }

    /// Whether the byte is part of a string, in which brackets have no meaning.
    fn is_in_string(&mut self, byte: u8) -> bool {
        let was_outside = matches!(self.string, StringState::Outside);
        self.string = match (self.string, byte) {
            (StringState::Outside, b'"') | (StringState::Escape, _) => StringState::Inside,
            (StringState::Inside, b'"') | (StringState::Outside, _) => StringState::Outside,
            (StringState::Inside, b'\\') => StringState::Escape,
            (StringState::Inside, _) => StringState::Inside,
        };
        !was_outside
    }
}

fn append(part: &mut Vec<u8>, bytes: &[u8]) -> kube::Result<()> {
    if part.len() + bytes.len() > MAX_PART_BYTES {
        let problem = format!("a part of a list is longer than {MAX_PART_BYTES} bytes");
        return Err(kube::Error::ReadEvents(IoError::other(problem)));
    }
    part.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The items and the envelope of a text that arrives in chunks of that length.
    fn split(text: &str, length: usize) -> (Vec<Value>, Value) {
        let mut splitter = ListSplitter::default();
        let mut items = Vec::new();
        for chunk in text.as_bytes().chunks(length) {
            let pushed = splitter.push(chunk, |item| {
                items.push(serde_json::from_slice(item).unwrap());
                Ok(())
            });
            pushed.unwrap();
        }
        (items, serde_json::from_slice(splitter.envelope()).unwrap())
    }

    #[test]
    fn a_list_is_split_wherever_its_chunks_end() {
        let items = [
            json!({ "metadata": { "name": "brackets ]}[{ and \"quotes\" \\", "\\\"]}": [] } }),
            json!({}),
            json!({ "spec": { "containers": [{ "args": ["]", "}", "\u{fffd}\u{1f600}"] }] } }),
        ];
        let metadata = json!({ "resourceVersion": "7", "continue": "a{b[c", "nested": { "deep": [[{}]] } });
        let documents = [
            json!({ "kind": "JobList", "metadata": metadata, "items": items }),
            json!({ "items": items, "kind": "JobList", "metadata": metadata }),
            json!({ "kind": "JobList", "metadata": metadata, "items": [] }),
        ];
        for document in documents {
            let expected = document["items"].as_array().unwrap().clone();
            let mut envelope = document.clone();
            envelope["items"] = json!([]);
            for text in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
                for length in [1, 2, 3, 7, 64, text.len()] {
                    assert_eq!(
                        split(&text, length),
                        (expected.clone(), envelope.clone()),
                        "{length}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_text_that_is_no_list_becomes_the_envelope() {
        let mut splitter = ListSplitter::default();
        for text in ["<html>", "}}]]", "{\"message\":\"no items\"}"] {
            splitter.push(text.as_bytes(), |_| panic!("an item")).unwrap();
        }
        assert_eq!(splitter.envelope(), b"<html>}}]]{\"message\":\"no items\"}");
    }

    #[test]
    fn a_part_that_is_too_long_is_an_error() {
        let chunk = vec![b' '; MAX_PART_BYTES / 2 + 1];
        for start in ["{\"kind\":", "{\"items\":[{\"data\":"] {
            let mut splitter = ListSplitter::default();
            splitter.push(start.as_bytes(), |_| Ok(())).unwrap();
            splitter.push(&chunk, |_| Ok(())).unwrap();
            assert!(splitter.push(&chunk, |_| Ok(())).is_err(), "{start}");
        }
    }
}
