//! Slots that callers share: one caller can't hold more than half of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::ServiceError;
use super::problem::ProblemKind;

/// Whose requests share limits.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum CallerKey {
    /// An authenticated caller, or the person on whose behalf it acts, by its name.
    Name(String),
    /// The sender of a request whose credential is not checked yet, or where none is configured.
    Address(IpAddr),
}

/// A number of slots.
pub(super) struct Shares {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    total: usize,
    callers: HashMap<CallerKey, usize>,
}

/// Why there is no slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoSlot {
    /// All slots are held.
    AllHeld,
    /// The caller holds its share.
    CallerHoldsShare,
}

/// A held slot.
pub(super) struct Slot {
    shares: Arc<Shares>,
    caller: CallerKey,
}

impl Shares {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    /// What one caller can hold.
    fn share(&self) -> usize {
        self.limit.div_ceil(2)
    }

    pub(super) fn acquire(self: &Arc<Self>, caller: CallerKey) -> Result<Slot, NoSlot> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.total >= self.limit {
            return Err(NoSlot::AllHeld);
        }
        let of_caller = held.callers.get(&caller).copied().unwrap_or_default();
        if of_caller >= self.share() {
            return Err(NoSlot::CallerHoldsShare);
        }
        held.total += 1;
        held.callers.insert(caller.clone(), of_caller + 1);
        drop(held);
        Ok(Slot { shares: Arc::clone(self), caller })
    }
}

impl NoSlot {
    /// The error of a request that gets none of the slots for `what`, such as `open streams`.
    pub(super) fn error(self, what: &str, retry_after: Duration) -> ServiceError {
        let error = match self {
            Self::AllHeld => ServiceError::new(
                ProblemKind::OVERLOADED,
                format!("The service has too many {what}. Retry later."),
            ),
            Self::CallerHoldsShare => ServiceError::new(
                ProblemKind::TOO_MANY_REQUESTS,
                format!("This caller has too many {what}. Retry when one has ended."),
            ),
        };
        error.with_retry_after(retry_after)
    }
}

impl Slot {
    /// The slot, held by another caller.
    pub(super) fn given_to(self, caller: CallerKey) -> Result<Self, NoSlot> {
        let shares = Arc::clone(&self.shares);
        drop(self);
        shares.acquire(caller)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.total -= 1;
        if let Entry::Occupied(mut of_caller) = held.callers.entry(self.caller.clone()) {
            *of_caller.get_mut() -= 1;
            if *of_caller.get() == 0 {
                of_caller.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CallerKey, NoSlot, Shares};

    fn caller(name: &str) -> CallerKey {
        CallerKey::Name(name.to_owned())
    }

    #[test]
    fn a_caller_gets_at_most_half_and_all_get_at_most_the_limit() {
        let shares = Shares::new(4);
        let _first = [shares.acquire(caller("a")).unwrap(), shares.acquire(caller("a")).unwrap()];
        assert_eq!(shares.acquire(caller("a")).err(), Some(NoSlot::CallerHoldsShare));
        let second = [shares.acquire(caller("b")).unwrap(), shares.acquire(caller("c")).unwrap()];
        assert_eq!(shares.acquire(caller("d")).err(), Some(NoSlot::AllHeld));
        drop(second);
        assert!(shares.acquire(caller("d")).is_ok());
    }

    #[test]
    fn a_slot_moves_to_another_caller_only_within_its_share() {
        let shares = Shares::new(2);
        let held = shares.acquire(caller("a")).unwrap();
        let of_address = shares.acquire(caller("address")).unwrap();
        assert_eq!(of_address.given_to(caller("a")).err(), Some(NoSlot::CallerHoldsShare));
        let moved = held.given_to(caller("b")).unwrap();
        assert!(shares.acquire(caller("a")).is_ok());
        drop(moved);
        assert!(shares.held.lock().unwrap().callers.is_empty());
    }
}
