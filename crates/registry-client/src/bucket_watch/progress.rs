//! How far a consumer is behind its stream.

/// The revisions that a consumer has delivered, compared with those of its stream.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The last revision that was delivered.
    observed: u64,
    last_check: Option<Check>,
}

#[derive(Clone, Copy, Debug)]
struct Check {
    observed: u64,
    last_revision: u64,
}

/// What a consumer has delivered of the messages that existed at the previous check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// All of them.
    CaughtUp,
    /// Some of them.
    Behind,
    /// None of them.
    Stalled,
}

impl Progress {
    /// Applies a revision that was delivered, or does not have to be.
    pub(super) fn observe(&mut self, revision: u64) {
        self.observed = self.observed.max(revision);
    }

    /// The number of revisions that were not delivered yet.
    pub(super) fn lag(&self, last_revision: u64) -> u64 {
        last_revision.saturating_sub(self.observed)
    }

    /// Compares the consumer with the last revision of its stream.
    pub(super) fn check(&mut self, last_revision: u64) -> Pace {
        let observed = self.observed;
        match self.last_check.replace(Check { observed, last_revision }) {
            Some(before) if observed < before.last_revision && observed == before.observed => Pace::Stalled,
            Some(before) if observed < before.last_revision => Pace::Behind,
            _ => Pace::CaughtUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pace, Progress};

    #[test]
    fn a_consumer_is_stalled_only_if_it_delivers_nothing_of_what_exists() {
        let mut progress = Progress::default();
        for (observed, last_revision, pace) in [
            (10, 10, Pace::CaughtUp),
            (10, 500, Pace::CaughtUp),
            (100, 900, Pace::Behind),
            (101, 900, Pace::Behind),
            (900, 900, Pace::CaughtUp),
            (900, 901, Pace::CaughtUp),
            (900, 901, Pace::Stalled),
            (901, 901, Pace::CaughtUp),
            (901, 901, Pace::CaughtUp),
        ] {
            progress.observe(observed);
            assert_eq!(progress.check(last_revision), pace, "{observed} of {last_revision}");
        }
        assert_eq!((progress.lag(903), progress.lag(7)), (2, 0));
    }
}
