//! The executor of the settings.

use std::sync::Arc;

use common::kubernetes::Cluster;
use trigger_core::cronjob::CronJobTarget;
use trigger_core::executor::Executor;
#[cfg(feature = "local")]
use trigger_local::LocalExecutor;

use super::error::AppError;
use super::history::History;
use crate::config::{Config, ExecutorKind};
use crate::kubernetes::executor::KubernetesExecutor;

/// The executor that runs Jobs.
pub(super) enum RunningExecutor {
    Kubernetes(Arc<KubernetesExecutor>),
    #[cfg(feature = "local")]
    Local(Arc<LocalExecutor>),
}

impl RunningExecutor {
    /// Starts the executor; `cluster` is required for the Kubernetes executor.
    pub(super) async fn start(
        config: &Config,
        cluster: Option<&Cluster>,
        targets: &[CronJobTarget],
        history: &History,
    ) -> Result<Self, AppError> {
        let (recorder, logs) = (Arc::clone(&history.recorder), Arc::clone(&history.logs));
        let store = Arc::clone(&history.store);
        Ok(match &config.executor {
            ExecutorKind::Kubernetes => {
                let cluster = cluster.expect("this executor has a cluster");
                Self::Kubernetes(Arc::new(KubernetesExecutor::start(
                    cluster,
                    config.kubernetes.clone(),
                    targets,
                    recorder,
                    logs,
                    store,
                )))
            }
            #[cfg(feature = "local")]
            ExecutorKind::Local(local) => Self::Local(Arc::new(
                LocalExecutor::start(local.clone(), targets, recorder, logs, store).await?,
            )),
        })
    }

    pub(super) fn executor(&self) -> Arc<dyn Executor> {
        match self {
            Self::Kubernetes(executor) => Arc::clone(executor) as Arc<dyn Executor>,
            #[cfg(feature = "local")]
            Self::Local(executor) => Arc::clone(executor) as Arc<dyn Executor>,
        }
    }

    /// Ends the Jobs that can't outlive the program.
    pub(super) async fn shutdown(&self) {
        match self {
            Self::Kubernetes(_) => {}
            #[cfg(feature = "local")]
            Self::Local(executor) => executor.shutdown().await,
        }
    }
}
