//! An instance that is to be registered.

use serde_json::{Map, Value};

use crate::instance::InstanceStatus;
use crate::key::instance_key;

/// The maximum length of a service's name.
const MAX_SERVICE_LENGTH: usize = 128;
/// The maximum length of an instance's id: that of a pod's name.
const MAX_ID_LENGTH: usize = 253;

/// An instance that is to be registered.
#[derive(Clone, Debug)]
pub struct NewInstance {
    service: String,
    id: String,
    version: String,
    status: InstanceStatus,
    metadata: Map<String, Value>,
    key: String,
}

/// A name that the registry does not accept.
#[derive(Debug, thiserror::Error)]
pub enum InvalidInstanceError {
    /// The name of the service.
    #[error(
        "{0:?} is not the name of a service: use at most {MAX_SERVICE_LENGTH} letters, digits, _ and -, and a letter first"
    )]
    Service(String),
    /// The id of the instance.
    #[error(
        "{0:?} is not the id of an instance: use at most {MAX_ID_LENGTH} letters, digits, _ and -, and single dots in between"
    )]
    Id(String),
}

impl NewInstance {
    /// An active instance whose id is the service's name with eight random hexadecimal digits. Other clients of the registry
    /// expect a version of three numbers, such as `1.2.3`.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn new(service: &str, version: &str) -> Result<Self, InvalidInstanceError> {
        if !is_service_name(service) {
            return Err(InvalidInstanceError::Service(service.to_owned()));
        }
        let id = format!("{service}-{:08x}", fastrand::u32(..));
        Ok(Self {
            service: service.to_owned(),
            version: version.to_owned(),
            status: InstanceStatus::Active,
            metadata: Map::new(),
            key: instance_key(service, &id),
            id,
        })
    }

    /// Another id, such as the name of the pod.
    ///
    /// # Errors
    /// When the id is not valid.
    pub fn with_id(mut self, id: &str) -> Result<Self, InvalidInstanceError> {
        if !is_instance_id(id) {
            return Err(InvalidInstanceError::Id(id.to_owned()));
        }
        id.clone_into(&mut self.id);
        self.key = instance_key(&self.service, id);
        Ok(self)
    }

    /// Another first status.
    #[must_use]
    pub fn with_status(mut self, status: InstanceStatus) -> Self {
        self.status = status;
        self
    }

    /// Further data. `start_time` is added if it is not given.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The instance's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The first status.
    pub fn status(&self) -> InstanceStatus {
        self.status
    }

    /// Further data.
    pub fn metadata(&self) -> &Map<String, Value> {
        &self.metadata
    }

    /// The key in the bucket.
    pub fn key(&self) -> &str {
        &self.key
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

fn is_service_name(name: &str) -> bool {
    name.len() <= MAX_SERVICE_LENGTH
        && is_word(name)
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// NATS has no empty tokens between dots.
fn is_instance_id(id: &str) -> bool {
    id.len() <= MAX_ID_LENGTH && id.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::{InvalidInstanceError, NewInstance};

    #[test]
    fn names_of_services_have_the_form_that_other_clients_expect() {
        let long = "a".repeat(128);
        for name in ["a", "Order_Router-2", &long] {
            assert_eq!(NewInstance::new(name, "1.0.0").unwrap().service(), name);
        }
        let too_long = "a".repeat(129);
        for name in ["", "1a", "_a", "-a", "a.b", "a b", "ä", "a\n", &too_long] {
            let error = NewInstance::new(name, "1.0.0").unwrap_err();
            assert!(matches!(error, InvalidInstanceError::Service(_)), "{name:?}: {error}");
        }
    }

    #[test]
    fn ids_are_random_unless_they_are_given() {
        let instance = NewInstance::new("order-router", "1.0.0").unwrap();
        let digits = instance.id().strip_prefix("order-router-").unwrap();
        assert!(digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{digits}");
        let instance = instance.with_id("order-router-7d9f-x2x.zone").unwrap();
        assert_eq!(instance.key(), "service-instances__order-router__order-router-7d9f-x2x.zone");
        for id in ["", ".", "a.", ".a", "a..b", "a b", "a*", "a>"] {
            assert!(instance.clone().with_id(id).is_err(), "{id:?}");
        }
    }
}
