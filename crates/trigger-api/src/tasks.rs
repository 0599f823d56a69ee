//! The tasks: work that this program does itself.
//!
//! A task is one file or one folder here, which implements [`Task`], and one line in [`configured`]. Nothing else knows
//! which tasks there are.

use std::sync::Arc;

use common::config::{ConfigError, Settings, Variable};

use portfolio_analysis::PortfolioAnalysis;
use trigger_core::task::Task;

/// The variables of all tasks.
pub const VARIABLES: [Variable; 7] = portfolio_analysis::VARIABLES;

/// The tasks that can be done with these settings.
///
/// # Errors
/// When a setting can't be used.
pub fn configured(settings: &Settings) -> Result<Vec<Arc<dyn Task>>, ConfigError> {
    let tasks = [PortfolioAnalysis::from_settings(settings)?.map(|task| Arc::new(task) as Arc<dyn Task>)];
    Ok(tasks.into_iter().flatten().collect())
}
