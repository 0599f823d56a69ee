//! Definitions of services.

use jiff::Timestamp;
use registry_client::key::{self, EntryKind};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::clock::utc_text;

/// The version of a definition that has none.
const DEFAULT_VERSION: &str = "0.0.0";

/// The definition of a service.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct Definition {
    /// The service's name.
    #[schema(example = "risk-engine")]
    pub service_name: String,
    /// Who is responsible for the service.
    #[schema(example = "trading")]
    pub owner: String,
    /// What the service does.
    #[schema(example = "Checks the limits of orders")]
    pub description: String,
    /// The version of the definition.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// When it was created, in UTC.
    #[schema(example = "2026-02-10T08:00:00.000000Z")]
    pub created_at: String,
    /// When it was last changed, in UTC.
    #[schema(example = "2026-02-10T08:00:00.000000Z")]
    pub updated_at: String,
}

/// A definition with the revision of the bucket that wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredDefinition {
    /// The definition.
    pub definition: Definition,
    /// The revision.
    pub revision: u64,
}

/// The fields of a new definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewDefinition {
    /// The service's name.
    pub service_name: String,
    /// Who is responsible for the service.
    pub owner: String,
    /// What the service does.
    pub description: String,
    /// The version of the definition.
    pub version: String,
}

/// The fields of a definition to change; None keeps the value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DefinitionChanges {
    /// Who is responsible for the service.
    pub owner: Option<String>,
    /// What the service does.
    pub description: Option<String>,
    /// The version of the definition.
    pub version: Option<String>,
}

/// The value of an entry is not a definition of the service that its key names.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableDefinitionError {
    /// It is not an object, or a field has another type.
    #[error("not a definition: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is an object of another kind.
    #[error("not a definition: it has neither service_name nor owner")]
    OtherObject,
    /// It is an instance under the key of a definition.
    #[error("not a definition: it is an instance, whose key has to begin with service-instances__")]
    Instance,
    /// It is the definition of another service.
    #[error("not the definition of the service that the key names: its service_name is {0:?}")]
    OtherService(String),
}

/// The fields of a definition that any program may have written.
#[derive(Deserialize)]
struct WrittenFields {
    #[serde(alias = "serviceName")]
    service_name: Option<String>,
    #[serde(alias = "instanceId")]
    instance_id: Option<IgnoredAny>,
    owner: Option<String>,
    description: Option<String>,
    version: Option<String>,
    #[serde(alias = "createdAt")]
    created_at: Option<String>,
    #[serde(alias = "updatedAt")]
    updated_at: Option<String>,
}

impl Definition {
    /// A definition that is created at `now`.
    pub fn new(fields: NewDefinition, now: Timestamp) -> Self {
        let NewDefinition { service_name, owner, description, version } = fields;
        let created_at = utc_text(now);
        Self { service_name, owner, description, version, updated_at: created_at.clone(), created_at }
    }

    /// The definition with these changes, made at `now`.
    #[must_use]
    pub fn changed(self, changes: DefinitionChanges, now: Timestamp) -> Self {
        Self {
            owner: changes.owner.unwrap_or(self.owner),
            description: changes.description.unwrap_or(self.description),
            version: changes.version.unwrap_or(self.version),
            updated_at: utc_text(now),
            ..self
        }
    }

    /// Reads the value of a key, which is the service's name. A missing time is the one at which the entry was stored; times
    /// are converted to UTC.
    ///
    /// # Errors
    /// When the value is not an object, a field is not a text, or it is not the definition of this service: other programs
    /// store other objects in the bucket of instances, too.
    pub fn read(key: &str, value: &[u8], stored_at: Timestamp) -> Result<Self, UnreadableDefinitionError> {
        let fields: WrittenFields = serde_json::from_slice(value)?;
        match fields.service_name {
            _ if fields.instance_id.is_some() => return Err(UnreadableDefinitionError::Instance),
            Some(name) if name != key => return Err(UnreadableDefinitionError::OtherService(name)),
            None if fields.owner.is_none() => return Err(UnreadableDefinitionError::OtherObject),
            Some(_) | None => {}
        }
        let time = |text: Option<String>| {
            let Some(text) = text else { return utc_text(stored_at) };
            text.parse().map_or(text, utc_text)
        };
        Ok(Self {
            service_name: key.to_owned(),
            owner: fields.owner.unwrap_or_default(),
            description: fields.description.unwrap_or_default(),
            version: fields.version.unwrap_or_else(|| DEFAULT_VERSION.to_owned()),
            created_at: time(fields.created_at),
            updated_at: time(fields.updated_at),
        })
    }

    /// The definition as compact JSON, as it is stored.
    ///
    /// # Panics
    /// Never: texts are always serializable.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts are serializable")
    }
}

/// Whether a definition can have this name: it is a valid key, and not that of an instance. Other programs can have stored
/// names that this service does not accept for new definitions.
pub fn is_definition_key(name: &str) -> bool {
    key::is_valid(name) && EntryKind::of(name) == EntryKind::Definition
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Definition, DefinitionChanges, NewDefinition, is_definition_key};

    const CREATED: &str = "2026-02-10T08:00:00.000000Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn definition() -> Definition {
        let text = str::to_owned;
        let (service_name, owner) = (text("risk-engine"), text("trading"));
        let fields =
            NewDefinition { service_name, owner, description: text("Ärger"), version: text("1.0.0") };
        Definition::new(fields, time(CREATED))
    }

    #[test]
    fn the_stored_form_is_compact_json_in_a_fixed_order() {
        assert_eq!(
            definition().to_json(),
            "{\"service_name\":\"risk-engine\",\"owner\":\"trading\",\"description\":\"Ärger\",\"version\":\"1.0.0\",\
             \"created_at\":\"2026-02-10T08:00:00.000000Z\",\"updated_at\":\"2026-02-10T08:00:00.000000Z\"}"
        );
    }

    #[test]
    fn a_change_keeps_the_other_fields_and_the_creation() {
        let changes = DefinitionChanges { owner: Some("risk".to_owned()), ..DefinitionChanges::default() };
        let result = definition().changed(changes, time("2026-02-10T09:00:00Z"));
        assert_eq!((result.owner.as_str(), result.description.as_str()), ("risk", "Ärger"));
        assert_eq!(result.created_at, CREATED);
        assert_eq!(result.updated_at, "2026-02-10T09:00:00.000000Z");
    }

    #[test]
    fn a_definition_of_another_program_is_read_as_far_as_possible() {
        let stored_at = time("2026-03-01T00:00:00Z");
        let value =
            br#"{"service_name":"risk_engine","owner":null,"createdAt":"2026-02-10T16:00:00+08:00","more":1}"#;
        let read = Definition::read("risk_engine", value, stored_at).unwrap();
        assert_eq!(read.service_name, "risk_engine");
        assert_eq!((read.owner.as_str(), read.version.as_str()), ("", "0.0.0"));
        assert_eq!(read.created_at, CREATED);
        assert_eq!(read.updated_at, "2026-03-01T00:00:00.000000Z");
        assert_eq!(
            Definition::read("risk-engine", b"{\"owner\":\"risk\"}", stored_at).unwrap().owner,
            "risk"
        );
    }

    #[test]
    fn what_is_not_the_definition_of_its_key_can_not_be_read() {
        for value in [
            &b"[]"[..],
            b"{",
            b"\xff",
            b"",
            b"{\"owner\":1}",
            b"{}",
            b"{\"enabled\":true}",
            b"{\"service_name\":\"other\",\"owner\":\"o\"}",
            b"{\"serviceName\":\"risk-engine\",\"instanceId\":\"1\"}",
            b"{\"service_name\":\"risk-engine\",\"instance_id\":\"1\",\"owner\":\"o\"}",
        ] {
            let read = Definition::read("risk-engine", value, Timestamp::UNIX_EPOCH);
            assert!(read.is_err(), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_name_is_a_key_and_never_that_of_an_instance() {
        for (name, is_key) in [
            ("risk-engine", true),
            ("Risk_Engine", true),
            ("", false),
            ("a b", false),
            ("a*", false),
            (">", false),
            (".a", false),
            ("a.", false),
            ("é", false),
            ("service-instances__risk__1", false),
        ] {
            assert_eq!(is_definition_key(name), is_key, "{name}");
        }
    }
}
