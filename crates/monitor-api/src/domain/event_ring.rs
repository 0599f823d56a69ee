//! The most recent events, from which interrupted streams resume.

use std::collections::VecDeque;
use std::ops::Range;

use super::event::RegistryEvent;

/// The maximum number of events that are kept.
const MAX_EVENTS: usize = 4096;
/// The maximum size of the events that are kept, in bytes. The newest event is always kept.
const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;
/// The ids before the first event. A client can read each id as a JSON number without loss, also after years of events.
const FIRST_POSITIONS: Range<i64> = 1 << 40..1 << 52;

/// The most recent events. Readers keep only the id of the last event they have read, so a slow reader takes no memory: it
/// loses events instead.
#[derive(Debug)]
pub struct EventRing {
    events: VecDeque<RegistryEvent>,
    bytes: usize,
    /// The id of the newest event.
    position: i64,
}

/// The events after a position are not complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("events after this position have been dropped, or the position is of another process")]
pub struct EventsLostError;

impl EventRing {
    /// An empty ring. Ids begin with a random number, so that the id of another process, such as a replica that started at the
    /// same moment, is practically never one of this process.
    pub fn with_random_start() -> Self {
        Self::starting_after(fastrand::i64(FIRST_POSITIONS))
    }

    fn starting_after(position: i64) -> Self {
        Self { events: VecDeque::new(), bytes: 0, position }
    }

    /// The id of the newest event.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Adds an event, and drops the oldest ones beyond the limits.
    pub fn push(&mut self, event: RegistryEvent) {
        self.bytes += event.size();
        self.events.push_back(event);
        self.position += 1;
        while self.events.len() > 1 && (self.events.len() > MAX_EVENTS || self.bytes > MAX_EVENT_BYTES) {
            if let Some(dropped) = self.events.pop_front() {
                self.bytes -= dropped.size();
            }
        }
    }

    /// The events after a position with their ids, at most `limit`.
    ///
    /// # Errors
    /// When an event after the position has been dropped, or no event of this process has the position.
    pub fn after(&self, position: i64, limit: usize) -> Result<Vec<(i64, RegistryEvent)>, EventsLostError> {
        let missed = self.position.checked_sub(position).and_then(|missed| usize::try_from(missed).ok());
        let missed = missed.filter(|missed| *missed <= self.events.len()).ok_or(EventsLostError)?;
        let ids = position + 1..;
        let events = self.events.range(self.events.len() - missed..);
        Ok(ids.zip(events.cloned()).take(limit).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{EventRing, EventsLostError, MAX_EVENT_BYTES, MAX_EVENTS, RegistryEvent};

    fn event(json: &str) -> RegistryEvent {
        RegistryEvent::Put { json: Arc::from(json), revision: 1, clock_skew_seconds: 0.0, is_stale: false }
    }

    fn ids(ring: &EventRing, position: i64) -> Result<Vec<i64>, EventsLostError> {
        let events = ring.after(position, usize::MAX)?;
        Ok(events.into_iter().map(|(id, _)| id).collect())
    }

    #[test]
    fn a_reader_resumes_after_any_event_that_is_kept() {
        let mut ring = EventRing::starting_after(0);
        assert_eq!(ids(&ring, 0), Ok(vec![]));
        for _ in 0..3 {
            ring.push(event("{}"));
        }
        assert_eq!(ids(&ring, 0), Ok(vec![1, 2, 3]));
        assert_eq!(ids(&ring, 2), Ok(vec![3]));
        assert_eq!(ids(&ring, 3), Ok(vec![]));
        assert_eq!(ring.after(0, 2).map(|events| events.len()), Ok(2));
    }

    #[test]
    fn a_position_of_another_process_is_lost() {
        let mut ring = EventRing::starting_after(100_000_000);
        ring.push(event("{}"));
        for position in [i64::MIN, -1, 0, 99_999_999, 100_000_002, i64::MAX] {
            assert_eq!(ids(&ring, position), Err(EventsLostError), "{position}");
        }
        assert_eq!(ids(&ring, 100_000_000), Ok(vec![100_000_001]));
    }

    #[test]
    fn processes_that_start_at_the_same_moment_have_other_ids() {
        let first = EventRing::with_random_start();
        let mut second = EventRing::with_random_start();
        for _ in 0..MAX_EVENTS {
            second.push(event("{}"));
        }
        assert_eq!(ids(&second, first.position()), Err(EventsLostError));
    }

    #[test]
    fn the_oldest_events_are_dropped_beyond_the_limits() {
        let mut ring = EventRing::starting_after(0);
        for _ in 0..=MAX_EVENTS {
            ring.push(event("{}"));
        }
        assert_eq!(ids(&ring, 0), Err(EventsLostError));
        assert_eq!(ids(&ring, 1).map(|ids| ids.len()), Ok(MAX_EVENTS));
        let large = "x".repeat(MAX_EVENT_BYTES);
        ring.push(event(&large));
        let newest = ring.position();
        assert_eq!(ids(&ring, newest - 1), Ok(vec![newest]));
        assert_eq!(ids(&ring, newest - 2), Err(EventsLostError));
    }
}
