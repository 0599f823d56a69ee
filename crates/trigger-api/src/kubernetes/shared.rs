//! What the executor and its watches have in common.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::calls::Calls;
use super::health::Health;
use super::logs::LogReader;
use super::view::View;
use trigger_core::ports::RunStore;
use trigger_core::recorder::Recorder;
use trigger_core::target::Target;

/// What the executor and its watches have in common.
pub(super) struct Shared {
    pub(super) calls: Calls,
    pub(super) targets: Vec<Target>,
    pub(super) view: Mutex<View>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) store: Arc<dyn RunStore>,
    pub(super) logs: LogReader,
    pub(super) health: Health,
}

impl Shared {
    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn namespaces(&self) -> BTreeSet<String> {
        self.targets.iter().map(|target| target.namespace.clone()).collect()
    }
}
