//! Decides which copies of definitions are written, deleted or imported.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A key of the bucket of instances that is not an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// The revision of the definition that it is a copy of; None if another program wrote it.
    pub(super) source: Option<u64>,
    pub(super) received_at: Instant,
}

/// A definition: its name, its revision, and its JSON.
pub(super) type DefinitionValue = (Arc<str>, u64, Arc<str>);

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// The definition is copied.
    Copy { key: Arc<str>, json: Arc<str>, revision: u64 },
    /// The copy of a definition that no longer exists is deleted.
    Delete { key: String },
    /// The definition of another program is imported.
    Import { key: String },
}

impl Action {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Copy { key, .. } => key,
            Self::Delete { key } | Self::Import { key } => key,
        }
    }
}

/// What has to be done. A definition replaces what another program wrote under its name later.
pub(super) fn plan(
    definitions: &[DefinitionValue],
    copies: &BTreeMap<String, Copy>,
    is_old: impl Fn(&Copy) -> bool,
) -> Vec<Action> {
    let is_current = |copy: &Copy, revision: u64| copy.source == Some(revision) && !is_old(copy);
    let writes = definitions.iter().filter_map(|(key, revision, json)| {
        let is_current = copies.get(&**key).is_some_and(|copy| is_current(copy, *revision));
        (!is_current).then(|| Action::Copy {
            key: Arc::clone(key),
            json: Arc::clone(json),
            revision: *revision,
        })
    });
    let is_defined = |key: &str| definitions.binary_search_by(|(name, ..)| (**name).cmp(key)).is_ok();
    let others = copies.iter().filter(|(key, _)| !is_defined(key)).map(|(key, copy)| match copy.source {
        Some(_) => Action::Delete { key: key.clone() },
        None => Action::Import { key: key.clone() },
    });
    writes.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Instant;

    use super::{Action, Copy, DefinitionValue, plan};

    fn definition(name: &str, revision: u64) -> DefinitionValue {
        (name.into(), revision, "{}".into())
    }

    fn copies(copies: &[(&str, Option<u64>)]) -> BTreeMap<String, Copy> {
        let received_at = Instant::now();
        copies
            .iter()
            .map(|(key, source)| ((*key).to_owned(), Copy { source: *source, received_at }))
            .collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let definitions = [definition("changed", 5), definition("current", 4), definition("new", 6)];
        let copies =
            copies(&[("changed", Some(2)), ("current", Some(4)), ("deleted", Some(3)), ("foreign", None)]);
        let written = |key: &str, revision| {
            let json: Arc<str> = "{}".into();
            Action::Copy { key: key.into(), json, revision }
        };
        let expected = [
            written("changed", 5),
            written("new", 6),
            Action::Delete { key: "deleted".to_owned() },
            Action::Import { key: "foreign".to_owned() },
        ];
        assert_eq!(plan(&definitions, &copies, |_| false), expected);
    }

    #[test]
    fn an_old_copy_is_written_again() {
        let definitions = [definition("current", 4)];
        let copies = copies(&[("current", Some(4))]);
        assert_eq!(plan(&definitions, &copies, |_| true).len(), 1);
    }

    #[test]
    fn a_definition_replaces_what_another_program_wrote_under_its_name() {
        let definitions = [definition("defined", 4)];
        let actions = plan(&definitions, &copies(&[("defined", None)]), |_| false);
        assert!(matches!(&actions[..], [Action::Copy { revision: 4, .. }]), "{actions:?}");
    }
}
