//! The JSON documents of a target's latest runs.

use serde::Serialize;
use trigger_core::runs::{DurationPercentiles, TargetHistory};
use utoipa::ToSchema;

use super::documents::RunDocument;

/// The latest runs of a target.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TargetHistory)]
pub(super) struct TargetHistoryDocument {
    /// The newest run.
    last_run: Option<RunDocument>,
    /// The newest run that succeeded.
    last_success: Option<RunDocument>,
    /// How long the latest runs took; null if none has a start and an end.
    durations: Option<DurationsDocument>,
}

/// Percentiles of the durations of the latest ended runs, at most 50.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Durations)]
pub(super) struct DurationsDocument {
    /// The median.
    p50_seconds: f64,
    /// The 95th percentile.
    p95_seconds: f64,
    /// The number of runs.
    runs: usize,
}

impl From<TargetHistory> for TargetHistoryDocument {
    fn from(TargetHistory { last_run, last_success, durations }: TargetHistory) -> Self {
        Self {
            last_run: last_run.as_ref().map(RunDocument::from),
            last_success: last_success.as_ref().map(RunDocument::from),
            durations: durations.map(DurationsDocument::from),
        }
    }
}

impl From<DurationPercentiles> for DurationsDocument {
    fn from(DurationPercentiles { p50, p95, runs }: DurationPercentiles) -> Self {
        Self { p50_seconds: p50.as_secs_f64(), p95_seconds: p95.as_secs_f64(), runs }
    }
}
