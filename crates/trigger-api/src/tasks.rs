//! The tasks of this program. To add a task, write its crate and add a line to [`TASKS`].

use std::sync::Arc;
use trigger_core::task::{Task, TaskDefinition};

use common::config::{ConfigError, Settings, Variable};
use portfolio_analysis::PortfolioAnalysis;

/// A task and its settings.
pub struct TaskRegistration {
    /// The task's name, parameters and routes.
    pub definition: &'static TaskDefinition,
    /// The variables that the task reads.
    pub variables: &'static [Variable],
    /// Creates the task from the settings; None if it is not configured.
    pub from_settings: FromSettings,
}

/// Creates a task from the settings; None if it is not configured.
pub type FromSettings = fn(&Settings) -> Result<Option<Arc<dyn Task>>, ConfigError>;

/// All tasks.
pub static TASKS: [TaskRegistration; 1] = [TaskRegistration {
    definition: &portfolio_analysis::DEFINITION,
    variables: &portfolio_analysis::VARIABLES,
    from_settings: |settings| Ok(PortfolioAnalysis::from_settings(settings)?.map(|task| Arc::new(task) as _)),
}];

/// The definitions of all tasks, configured or not.
pub fn definitions() -> Vec<&'static TaskDefinition> {
    TASKS.iter().map(|task| task.definition).collect()
}

/// The tasks that are configured.
///
/// # Errors
/// When a setting is wrong.
pub fn configured(settings: &Settings) -> Result<Vec<Arc<dyn Task>>, ConfigError> {
    let mut tasks = Vec::new();
    for registration in &TASKS {
        tasks.extend((registration.from_settings)(settings)?);
    }
    Ok(tasks)
}
