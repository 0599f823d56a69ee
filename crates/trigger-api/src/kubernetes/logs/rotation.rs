//! Detects logs whose beginning was deleted by their node.
//!
//! A kubelet rotates a log that has reached its maximum size, 10 MiB by default, and serves only the newest file. It does not
//! say so, but the first line of that file is later than the first line that was read before.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;

use super::container::{ContainerStart, StartId};
use super::stream::first_line_at;
use crate::kubernetes::client::ClusterClient;

/// The number of logs whose first line is remembered: those of the most recent runs.
const MAX_REMEMBERED: usize = 512;

/// The times of the first lines of logs.
#[derive(Default)]
pub(super) struct FirstLines {
    /// Oldest first.
    times: Mutex<VecDeque<(StartId, Timestamp)>>,
}

impl FirstLines {
    /// Remembers the first line that was read of a log. Later calls have no effect.
    pub(super) fn remember(&self, id: &StartId, at: Timestamp) {
        if self.get(id).is_none() {
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            if times.len() == MAX_REMEMBERED {
                times.pop_front();
            }
            times.push_back((id.clone(), at));
        }
    }

    fn get(&self, id: &StartId) -> Option<Timestamp> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        times.iter().find(|(other, _)| other == id).map(|(_, at)| *at)
    }

    /// Whether the node no longer has the beginning of the log.
    pub(super) async fn is_rotated(
        &self,
        cluster: &ClusterClient,
        namespace: &str,
        start: &ContainerStart,
    ) -> bool {
        let Some(first) = self.get(&start.id) else { return false };
        // Right after the rotation, the newest file is empty.
        let now = first_line_at(cluster, namespace, start).await;
        now.is_ok_and(|now| now.is_none_or(|at| at > first))
    }
}

/// The mark in place of the beginning of a log.
pub(super) fn mark() -> Bytes {
    Bytes::from_static(b"[the beginning of this log is missing: its node has rotated the log]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_of_a_log_is_kept_and_the_number_of_logs_is_limited() {
        let lines = FirstLines::default();
        let id = |number: usize| (format!("pod-{number}"), "main".to_owned(), 0);
        let at = |second| Timestamp::from_second(second).unwrap();
        lines.remember(&id(0), at(1));
        lines.remember(&id(0), at(2));
        assert_eq!(lines.get(&id(0)), Some(at(1)));
        for number in 1..=MAX_REMEMBERED {
            lines.remember(&id(number), at(3));
        }
        assert_eq!((lines.get(&id(0)), lines.get(&id(1))), (None, Some(at(3))));
    }
}
