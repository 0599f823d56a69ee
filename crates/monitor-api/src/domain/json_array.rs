//! JSON arrays of values that the cache holds as JSON.

use std::sync::Arc;

/// The size of a chunk in bytes, which its last element can exceed.
const CHUNK_SIZE: usize = 64 * 1024;

/// A JSON array. It shares its elements with the cache, so that concurrent lists do not copy them.
#[derive(Clone, Debug)]
pub struct JsonArray(Vec<Arc<str>>);

impl JsonArray {
    /// The length of the array's text in bytes.
    pub fn text_length(&self) -> usize {
        let elements: usize = self.0.iter().map(|element| element.len()).sum();
        elements + self.0.len().saturating_sub(1) + "[]".len()
    }

    /// The array's text in parts, each of which is made when it is needed.
    pub fn into_chunks(self) -> impl Iterator<Item = Vec<u8>> + Send {
        let mut remaining = self.text_length();
        let mut elements = self.0.into_iter();
        let mut separator = b'[';
        std::iter::from_fn(move || {
            let mut chunk = Vec::with_capacity(remaining.min(CHUNK_SIZE + 1024));
            while remaining > 0 && chunk.len() < CHUNK_SIZE {
                let Some(element) = elements.next() else {
                    chunk.extend_from_slice(if separator == b'[' { b"[]" } else { b"]" });
                    break;
                };
                chunk.push(separator);
                chunk.extend_from_slice(element.as_bytes());
                separator = b',';
            }
            remaining = remaining.saturating_sub(chunk.len());
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

impl FromIterator<Arc<str>> for JsonArray {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK_SIZE, JsonArray};

    #[test]
    fn the_chunks_are_the_array_and_none_is_much_larger_than_the_others() {
        let element = format!("\"{}\"", "x".repeat(998));
        for count in [0, 1, 2, CHUNK_SIZE / 1000, 1000] {
            let array: JsonArray = std::iter::repeat_n(element.as_str().into(), count).collect();
            let length = array.text_length();
            let chunks: Vec<_> = array.into_chunks().collect();
            let expected = format!("[{}]", vec![element.as_str(); count].join(","));
            assert_eq!(chunks.concat(), expected.as_bytes(), "{count}");
            assert_eq!(
                (length, chunks.len()),
                (expected.len(), expected.len().div_ceil(CHUNK_SIZE)),
                "{count}"
            );
            assert!(chunks.iter().all(|chunk| chunk.capacity() <= CHUNK_SIZE + 1024), "{count}");
        }
    }
}
