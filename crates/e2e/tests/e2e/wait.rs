//! Waiting for futures in scenarios, which are not asynchronous.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::Runtime;

/// The limit for everything that a scenario waits for. A schedule starts a run each minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// Waits for a future, but not longer than [`PATIENCE`].
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
    let waited = RUNTIME.block_on(async { tokio::time::timeout(PATIENCE, future).await });
    waited.unwrap_or_else(|_| panic!("no result within {} s", PATIENCE.as_secs()))
}
