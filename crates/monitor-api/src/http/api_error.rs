//! The mapping of the domain's errors to responses. It is the only one.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use common::service::{ProblemKind, ServiceError};

use super::error_format::{
    CONCURRENT_UPDATE, HTTP_400, HTTP_404, KV_STORE_ERROR, SERVICE_ALREADY_EXISTS, SERVICE_NOT_FOUND,
    SERVICE_UNAVAILABLE,
};
use super::validation::{FieldError, validation_error};
use crate::domain::connection::NotSyncedError;
use crate::domain::definitions::DefinitionError;

/// When a caller should retry while NATS is unavailable.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// An error of a request.
#[derive(Debug)]
pub(super) struct ApiError(ServiceError);

impl ApiError {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self(ServiceError::new(HTTP_400, message))
    }

    pub(super) fn unknown_instance(service: &str, id: &str) -> Self {
        // The doubled words are those of the replaced system.
        let message = format!("Service 'Instance {id} of service {service} not found' not found");
        Self(ServiceError::new(HTTP_404, message))
    }

    pub(super) fn unknown_service(name: &str) -> Self {
        Self::of_service(SERVICE_NOT_FOUND, format!("Service '{name}' not found"), name)
    }

    /// The error of a request about a definition.
    pub(super) fn of_definition(error: DefinitionError, name: &str) -> Self {
        match error {
            DefinitionError::NotFound => Self::unknown_service(name),
            DefinitionError::AlreadyExists => {
                Self::of_service(SERVICE_ALREADY_EXISTS, format!("Service '{name}' already exists"), name)
            }
            DefinitionError::ConcurrentUpdate => Self::of_service(
                CONCURRENT_UPDATE,
                format!("Concurrent update detected for service '{name}'"),
                name,
            ),
            DefinitionError::Rules(violations) => {
                let errors: Vec<_> = violations.into_iter().map(FieldError::of_rule).collect();
                Self(validation_error(&errors))
            }
            DefinitionError::Unavailable(cause) => {
                let message = "NATS is unavailable, so nothing was changed. Retry.";
                Self(unavailable(message).with_internal_cause(cause))
            }
            DefinitionError::Unconfirmed(cause) => {
                let message = format!(
                    "NATS did not confirm the change of service '{name}', so it may have been made. Read the service before you \
                     repeat the request."
                );
                Self(unavailable(message).with_internal_cause(cause))
            }
            DefinitionError::ForeignBucket(problem) => {
                let message = "Nothing was changed, because DEFINITIONS_BUCKET names the bucket of another program; \
                               /api/registry has the details.";
                Self(ServiceError::new(KV_STORE_ERROR, message).with_internal_cause(problem))
            }
            DefinitionError::Failed(cause) => {
                let message = "The store of the services failed; the log contains the cause.";
                Self(ServiceError::new(KV_STORE_ERROR, message).with_internal_cause(cause))
            }
        }
    }

    fn of_service(kind: ProblemKind, message: String, name: &str) -> Self {
        Self(ServiceError::new(kind, message).with_extension("service_name", name))
    }
}

fn unavailable(message: impl Into<String>) -> ServiceError {
    ServiceError::new(SERVICE_UNAVAILABLE, message).with_retry_after(RETRY_AFTER)
}

impl From<NotSyncedError> for ApiError {
    fn from(error: NotSyncedError) -> Self {
        let message = "NATS has not answered since this service started, so nothing is known yet. Retry.";
        Self(unavailable(message).with_internal_cause(error.to_string()))
    }
}

impl From<ServiceError> for ApiError {
    fn from(error: ServiceError) -> Self {
        Self(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
