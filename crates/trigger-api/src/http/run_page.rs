//! A page of runs, which is limited in number and in bytes.

use serde_json::value::RawValue;
use trigger_core::run::Run;
use trigger_core::run_store::{Cursor, RunFilter};
use trigger_core::runs::Runs;

use super::api_error::ApiError;
use super::documents::RunDocument;

/// A page ends with the run that exceeds this length.
const MAX_PAGE_BYTES: usize = 256 * 1024;
/// How many runs are read from the history in one statement.
const BATCH: u16 = 50;

/// Reads the page of the runs that the filter selects, and the position of its last run if there is a next page.
pub(super) async fn read(
    runs: &Runs,
    mut filter: RunFilter,
) -> Result<(Vec<Box<RawValue>>, Option<Cursor>), ApiError> {
    let limit = usize::from(filter.limit);
    let (mut page, mut bytes) = (Vec::new(), 0);
    loop {
        // One more run than the page has shows whether there is a next page.
        filter.limit = BATCH.min(u16::try_from(limit - page.len()).unwrap_or(BATCH) + 1);
        let batch = runs.list(&filter).await?;
        let is_last = batch.len() < usize::from(filter.limit);
        for run in batch {
            if page.len() == limit || bytes >= MAX_PAGE_BYTES {
                return Ok((page, filter.after));
            }
            let document = serde_json::value::to_raw_value(&RunDocument::from(&run)).expect("a run is JSON");
            bytes += document.get().len();
            page.push(document);
            filter.after = Some(position(&run));
        }
        if is_last {
            return Ok((page, None));
        }
    }
}

fn position(run: &Run) -> Cursor {
    Cursor { created_at: run.created_at, id: run.id.clone() }
}
