//! Decides which copies of definitions are written or examined.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mirrored_keys::{CopiedValue, Copy};

/// A definition: its name, its revision, and its JSON.
pub(super) type DefinitionValue = (Arc<str>, u64, Arc<str>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// The definition is copied. The key has the revision `replaced`, or no value.
    Copy { key: Arc<str>, json: Arc<str>, source: u64, replaced: Option<u64> },
    /// The copy has no definition: that was deleted, or is created from the copy.
    Examine { key: String, revision: u64 },
}

impl Action {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Copy { key, .. } => key,
            Self::Examine { key, .. } => key,
        }
    }
}

/// What has to be done. A definition replaces another definition that another program wrote under its name, and nothing else.
pub(super) fn plan(
    definitions: &[DefinitionValue],
    copies: &BTreeMap<String, Copy>,
    is_old: impl Fn(&Copy) -> bool,
) -> Vec<Action> {
    let is_current = |copy: &Copy, revision: u64, json: &str| match &copy.value {
        CopiedValue::Own(source) => *source == revision && !is_old(copy),
        CopiedValue::Foreign(other) => **other == *json && !is_old(copy),
        CopiedValue::Unreadable => true,
    };
    let writes = definitions.iter().filter_map(|(key, revision, json)| {
        let copy = copies.get(&**key);
        let is_current = copy.is_some_and(|copy| is_current(copy, *revision, json));
        (!is_current).then(|| Action::Copy {
            key: Arc::clone(key),
            json: Arc::clone(json),
            source: *revision,
            replaced: copy.map(|copy| copy.revision),
        })
    });
    let is_defined = |key: &str| definitions.binary_search_by(|(name, ..)| (**name).cmp(key)).is_ok();
    let is_open = |copy: &Copy| !copy.is_examined && !matches!(copy.value, CopiedValue::Unreadable);
    let others = copies.iter().filter(|(key, copy)| is_open(copy) && !is_defined(key));
    writes
        .chain(others.map(|(key, copy)| Action::Examine { key: key.clone(), revision: copy.revision }))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Instant;

    use super::{Action, CopiedValue, Copy, DefinitionValue, plan};

    const REVISION: u64 = 70;

    fn definition(name: &str, revision: u64) -> DefinitionValue {
        (name.into(), revision, "{}".into())
    }

    fn copies<const N: usize>(copies: [(&str, CopiedValue); N]) -> BTreeMap<String, Copy> {
        let received_at = Instant::now();
        let copy = |value: CopiedValue| Copy { value, revision: REVISION, received_at, is_examined: false };
        copies.into_iter().map(|(key, value)| (key.to_owned(), copy(value))).collect()
    }

    fn written(key: &str, source: u64, replaced: Option<u64>) -> Action {
        let json: Arc<str> = "{}".into();
        Action::Copy { key: key.into(), json, source, replaced }
    }

    fn examined(key: &str) -> Action {
        Action::Examine { key: key.to_owned(), revision: REVISION }
    }

    #[test]
    fn only_what_differs_is_written() {
        let definitions = [definition("changed", 5), definition("current", 4), definition("new", 6)];
        let copies = copies([
            ("changed", CopiedValue::Own(2)),
            ("current", CopiedValue::Own(4)),
            ("deleted", CopiedValue::Own(3)),
            ("foreign", CopiedValue::Foreign("{}".into())),
        ]);
        let expected = [
            written("changed", 5, Some(REVISION)),
            written("new", 6, None),
            examined("deleted"),
            examined("foreign"),
        ];
        assert_eq!(plan(&definitions, &copies, |_| false), expected);
    }

    #[test]
    fn an_old_copy_is_written_again() {
        let copies = copies([("current", CopiedValue::Own(4))]);
        assert_eq!(plan(&[definition("current", 4)], &copies, |_| true).len(), 1);
    }

    #[test]
    fn a_definition_replaces_another_one_under_its_name_and_keeps_the_same_one() {
        let definitions = [definition("defined", 4)];
        let different = copies([("defined", CopiedValue::Foreign("{\"owner\":\"x\"}".into()))]);
        assert_eq!(plan(&definitions, &different, |_| false), [written("defined", 4, Some(REVISION))]);
        let same = copies([("defined", CopiedValue::Foreign("{}".into()))]);
        assert!(plan(&definitions, &same, |_| false).is_empty());
    }

    #[test]
    fn a_value_that_is_no_definition_is_left_alone() {
        let copies = copies([("defined", CopiedValue::Unreadable), ("other", CopiedValue::Unreadable)]);
        assert!(plan(&[definition("defined", 4)], &copies, |_| true).is_empty());
    }

    #[test]
    fn a_copy_without_a_definition_is_examined_once() {
        let mut copies = copies([("foreign", CopiedValue::Foreign("{}".into()))]);
        assert_eq!(plan(&[], &copies, |_| false), [examined("foreign")]);
        copies.get_mut("foreign").unwrap().is_examined = true;
        assert!(plan(&[], &copies, |_| false).is_empty());
    }
}
