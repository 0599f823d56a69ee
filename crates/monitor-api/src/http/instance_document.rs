//! The schema of instances in the OpenAPI document.

use std::collections::HashMap;

use serde_json::Value;
use utoipa::ToSchema;

/// An instance of a service, as its entry in the bucket.
#[derive(ToSchema)]
#[schema(as = Instance, rename_all = "camelCase")]
#[expect(dead_code, reason = "only the OpenAPI document needs it")]
pub(super) struct InstanceDocument {
    #[schema(example = "risk-engine")]
    service_name: String,
    #[schema(example = "risk-engine-1f0c9a2b")]
    instance_id: String,
    #[schema(example = "1.0.0")]
    version: String,
    /// ACTIVE, STANDBY, UNHEALTHY or SHUTDOWN.
    #[schema(example = "ACTIVE")]
    status: String,
    /// The time of the last heartbeat, with the offset that the instance wrote.
    #[schema(example = "2026-02-10T08:00:00.123456+00:00")]
    last_heartbeat: String,
    /// The group in which at most one instance is active.
    sticky_active_group: Option<String>,
    /// What the instance reports beside that; `start_time` is always present.
    metadata: HashMap<String, Value>,
}
