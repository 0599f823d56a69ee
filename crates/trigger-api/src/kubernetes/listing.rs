//! Numbers the lists of objects, so that objects missing from a list can be removed.

/// Identifies one list of objects while it is applied to the cache. Later lists are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Listing(u64);

impl Listing {
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
