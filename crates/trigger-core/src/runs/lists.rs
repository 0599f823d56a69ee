//! Lists, counts and statistics of runs.

use jiff::SignedDuration;

use super::Runs;
use crate::run::{Run, State};
use crate::run_store::{RunCounts, RunFilter, RunSlice};
use crate::store_error::StoreError;
use crate::target::Target;

/// How many runs the percentiles of a target's durations are computed from.
const MEASURED_RUNS: u16 = 50;

/// The latest runs of a target.
#[derive(Debug)]
pub struct TargetHistory {
    /// The newest run.
    pub last_run: Option<Run>,
    /// The newest run that succeeded.
    pub last_success: Option<Run>,
    /// How long the latest runs took; None if none has a start and an end.
    pub durations: Option<DurationPercentiles>,
}

/// Percentiles of durations, by the method of the nearest rank: each is the duration of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DurationPercentiles {
    /// The median.
    pub p50: SignedDuration,
    /// The 95th percentile.
    pub p95: SignedDuration,
    /// The number of runs.
    pub runs: usize,
}

impl DurationPercentiles {
    /// None if there is no duration. The start is the time of a node and the end that of the control plane, so a short run can
    /// seem to end before its start.
    fn of(durations: Vec<SignedDuration>) -> Option<Self> {
        let mut durations: Vec<SignedDuration> =
            durations.into_iter().map(|duration| duration.max(SignedDuration::ZERO)).collect();
        durations.sort();
        let runs = durations.len();
        let percentile = |percent: usize| {
            let rank = (runs * percent).div_ceil(100);
            durations.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { p50: percentile(50)?, p95: percentile(95)?, runs })
    }
}

impl Runs {
    /// Runs, newest first, including those that are not stored yet.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list(&self, filter: &RunFilter) -> Result<RunSlice, StoreError> {
        self.recorder.list(filter).await
    }

    /// How many stored runs the filter selects, regardless of its states, its position and its limit.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn counts(&self, filter: &RunFilter) -> Result<RunCounts, StoreError> {
        self.store.counts(filter).await
    }

    /// The latest runs of a target.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn history(&self, target: &Target) -> Result<TargetHistory, StoreError> {
        let newest = RunFilter::newest_of(target.name());
        let succeeded = RunFilter { states: vec![State::Succeeded], ..newest.clone() };
        let durations = self.store.durations(target.name(), MEASURED_RUNS).await?;
        Ok(TargetHistory {
            last_run: self.list(&newest).await?.runs.pop(),
            last_success: self.list(&succeeded).await?.runs.pop(),
            durations: DurationPercentiles::of(durations),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_duration_at_its_rank() {
        let seconds = |all: &[i64]| {
            let durations = all.iter().map(|seconds| SignedDuration::from_secs(*seconds)).collect();
            DurationPercentiles::of(durations)
                .map(|found| (found.p50.as_secs(), found.p95.as_secs(), found.runs))
        };
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[7]), Some((7, 7, 1)));
        assert_eq!(seconds(&[9, 1]), Some((1, 9, 2)));
        assert_eq!(seconds(&(1..=20).rev().collect::<Vec<_>>()), Some((10, 19, 20)));
        assert_eq!(seconds(&(1..=50).collect::<Vec<_>>()), Some((25, 48, 50)));
    }
}
