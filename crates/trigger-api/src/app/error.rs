//! Why the program can't run.

use common::config::ConfigError;
use common::kubernetes::ClusterError;
use common::service::{HealthCheckError, ListenError, ServiceProgramError};
use registry_client::connection::NatsSettingsError;
use trigger_core::store_error::StoreError;
use trigger_store::OpenError;

/// Why the program can't run.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The history can't be opened or read.
    #[error("DATABASE_URL: {0}")]
    History(#[from] StoreError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Nats(#[from] NatsSettingsError),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    NotReady(#[from] HealthCheckError),
}

impl From<OpenError> for AppError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Address(error) => Self::Config(error),
            OpenError::Store(error) => Self::History(error),
        }
    }
}

impl ServiceProgramError for AppError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Listen(error) if error.is_wrong_setting() => 2,
            Self::Config(_) | Self::Cluster(_) | Self::Nats(_) => 2,
            Self::History(_) | Self::Listen(_) | Self::NotReady(_) => 1,
        }
    }
}
