//! Services that register themselves in the bucket, with short intervals.

use std::time::Duration;

use registry_client::instance::Instance;
use registry_client::registration::{NewInstance, Registration};
use registry_client::registry::Registry;
use registry_client::settings::RegistrySettings;

use crate::watched::{View, settings};

/// The service of the tests.
pub(crate) const SERVICE: &str = "order-router";
/// The maximum time between two heartbeats.
pub(crate) const INTERVAL: Duration = Duration::from_millis(300);

pub(crate) fn registry_settings(url: &str) -> RegistrySettings {
    RegistrySettings { heartbeat_interval: INTERVAL, ..RegistrySettings::new(settings(url)) }
}

pub(crate) async fn registry(url: &str) -> Registry {
    Registry::start(registry_settings(url)).await.expect("the settings are valid")
}

pub(crate) fn new_instance(id: &str) -> NewInstance {
    let instance = NewInstance::new(SERVICE, "1.2.3").expect("the name is valid");
    instance.with_id(id).expect("the id is valid")
}

pub(crate) fn key_of(registration: &Registration) -> String {
    registry_client::key::instance_key(registration.service_name(), registration.instance_id())
}

/// The instance of a key, as the bucket holds it.
pub(crate) fn instance_in(view: &View, key: &str) -> Option<Instance> {
    view.values.get(key).map(|value| Instance::parse(value.as_bytes()).expect("it is an instance"))
}
