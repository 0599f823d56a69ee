//! A page of runs, which is limited in number and in bytes.

use serde_json::value::RawValue;
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
        let slice = runs.list(&filter).await?;
        let is_full = slice.runs.len() == usize::from(filter.limit);
        for run in slice.runs {
            if page.len() == limit || bytes >= MAX_PAGE_BYTES {
                return Ok((page, filter.after));
            }
            let document = serde_json::value::to_raw_value(&RunDocument::from(&run)).expect("a run is JSON");
            bytes += document.get().len();
            page.push(document);
            filter.after = Some(Cursor::of(&run));
        }
        // A search that found too few runs continues with the next request, so that no request reads the whole history.
        if slice.read_to.is_none() || !is_full {
            return Ok((page, slice.read_to));
        }
        filter.after = slice.read_to;
    }
}
