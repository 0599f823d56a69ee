//! Keys of the registry's bucket.

/// The prefix of the keys of instances.
const INSTANCE_PREFIX: &str = "service-instances__";

/// What a key of the registry's bucket contains.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryKind {
    /// An instance of a service.
    Instance,
    /// The definition of a service.
    Definition,
}

impl EntryKind {
    /// The kind of a key. Every key without the prefix of instances is a definition.
    pub fn of(key: &str) -> Self {
        if key.starts_with(INSTANCE_PREFIX) { Self::Instance } else { Self::Definition }
    }
}

/// The key of an instance. Names and ids may contain `__`, so a key can't be split: read both from the value.
pub fn instance_key(service: &str, instance: &str) -> String {
    format!("{INSTANCE_PREFIX}{service}__{instance}")
}

/// Whether NATS accepts the key.
pub fn is_valid(key: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-/_=.".contains(&byte);
    !key.is_empty() && !key.starts_with('.') && !key.ends_with('.') && key.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::{EntryKind, instance_key, is_valid};

    #[test]
    fn only_the_prefix_makes_a_key_an_instance() {
        assert_eq!(EntryKind::of(&instance_key("order-router", "a__b")), EntryKind::Instance);
        for key in ["order-router", "service-instances", "service-instances_x", ""] {
            assert_eq!(EntryKind::of(key), EntryKind::Definition, "{key}");
        }
    }

    #[test]
    fn keys_have_the_characters_that_nats_accepts() {
        for (key, valid) in
            [("a-b__c.d", true), ("", false), (".a", false), ("a.", false), ("a b", false), ("ä", false)]
        {
            assert_eq!(is_valid(key), valid, "{key:?}");
        }
    }
}
