//! The tasks: work that this program does itself. Another one is a file here, and a line in [`configured`].

use std::sync::Arc;

use common::config::{ConfigError, Settings, Variable};

use crate::domain::task::Task;

/// The variables of all tasks.
pub const VARIABLES: [Variable; 0] = [];

/// The tasks that can be done with these settings.
///
/// # Errors
/// When a setting can't be used.
pub fn configured(_settings: &Settings) -> Result<Vec<Arc<dyn Task>>, ConfigError> {
    Ok(Vec::new())
}
