//! The commands, one file each.

pub mod analyse;
pub mod cancel;
pub mod completion;
pub mod doctor;
mod following;
pub mod get;
mod inspection;
pub mod logs;
pub mod port_forward;
pub mod run;
pub mod runs;
pub mod scaling;
pub mod start;
pub mod status;
pub mod targets;
pub mod whoami;

use crate::config::Config;
use crate::output::Format;

/// What every command needs.
pub struct Context {
    /// The settings.
    pub config: Config,
    /// The form of the output.
    pub format: Format,
}
