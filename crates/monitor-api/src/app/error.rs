//! Why the program can't run.

use common::config::ConfigError;
use common::service::{HealthCheckError, ListenError, ServiceProgramError};
use registry_client::connection::NatsSettingsError;

/// Why the program can't run.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Nats(#[from] NatsSettingsError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    NotReady(#[from] HealthCheckError),
}

impl ServiceProgramError for AppError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Listen(error) if error.is_wrong_setting() => 2,
            Self::Config(_) | Self::Nats(_) => 2,
            Self::Listen(_) | Self::NotReady(_) => 1,
        }
    }
}
