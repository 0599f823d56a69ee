//! Statistics of durations in seconds.

pub(crate) struct Figures {
    pub(crate) median: f64,
    pub(crate) p99: f64,
}

impl Figures {
    pub(crate) fn of(times: &[f64]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { median: sorted[sorted.len() / 2], p99: sorted[sorted.len() * 99 / 100] }
    }
}

pub(crate) fn median(times: &[f64]) -> f64 {
    Figures::of(times).median
}

pub(crate) fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}
