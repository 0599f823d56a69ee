//! Who the caller is, and what the caller may do.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use common::auth;
use serde::Serialize;
use trigger_core::access::{Action, Caller, Role, authorize};
use trigger_core::target::Target;
use utoipa::ToSchema;

use super::Api;
use super::api_error::ApiError;
use super::status::access_of;
use super::target_documents::kind_schema;

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Whoami {
    /// The caller's name, by its credential; `anonymous` if no credential is configured.
    name: String,
    /// `reader`, `operator` or `admin`; null if no credential is configured, so that access is open.
    #[schema(value_type = Option<String>, example = "operator")]
    role: Option<&'static str>,
    /// The person on whose behalf the caller sends this request.
    on_behalf_of: Option<String>,
    /// What the caller may do with each target.
    targets: Vec<TargetRights>,
}

/// What the caller may do with a target.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TargetRights {
    /// The target.
    target: String,
    #[schema(schema_with = kind_schema)]
    kind: &'static str,
    actions: Actions,
}

/// The actions on a target and its runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Actions {
    /// Read the target, and its runs, logs and events.
    view: Permission,
    /// Start a run.
    start: Permission,
    /// Cancel a run.
    cancel: Permission,
    /// Read the result of a run; only runs of tasks have one.
    read_result: Permission,
}

/// Whether an action is allowed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Permission {
    allowed: bool,
    /// Why the action is not allowed, and what it requires.
    reason: Option<String>,
}

/// Get the caller
///
/// Who the caller is, and which actions on which targets its role allows. Whether a target can be started now is another
/// question; see its preview.
#[utoipa::path(
    get, path = "/v1/whoami", operation_id = "whoami", tag = "targets",
    responses((status = 200, description = "The caller", body = Whoami)),
)]
pub(super) async fn whoami(
    State(api): State<Arc<Api>>,
    Extension(caller): Extension<auth::Caller>,
) -> Json<Whoami> {
    let caller = access_of(&caller);
    let targets = api.runs.targets().iter().map(|target| TargetRights::new(&caller, target));
    Json(Whoami {
        targets: targets.collect(),
        role: caller.role.map(Role::as_str),
        name: caller.name,
        on_behalf_of: caller.on_behalf_of,
    })
}

impl TargetRights {
    fn new(caller: &Caller, target: &Target) -> Self {
        let permission = |action| Permission::of(caller, action, target);
        Self {
            target: target.name().to_string(),
            kind: target.kind().as_str(),
            actions: Actions {
                view: permission(Action::View),
                start: permission(Action::Start),
                cancel: permission(Action::Cancel),
                read_result: permission(Action::ReadResult),
            },
        }
    }
}

impl Permission {
    fn of(caller: &Caller, action: Action, target: &Target) -> Self {
        let denied = authorize(caller, action, target.kind()).err();
        let reason = denied.map(|denied| ApiError::from(denied).problem().detail);
        Self { allowed: reason.is_none(), reason }
    }
}
