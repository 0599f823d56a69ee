//! The observations and log tails that are not in the store yet. Their total size is bounded.

use std::collections::{BTreeMap, HashMap};

use super::log_text::{LogPart, LogTail};
use super::run::{Run, RunId};

/// The memory of an entry beside its texts, in bytes.
const ENTRY_BYTES: usize = 256;

/// A write that the store has not executed yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PendingWrite {
    Run(Box<Run>),
    Log(RunId, LogTail),
}

/// How much was dropped because the store could not be written for too long.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dropped {
    /// Observations of runs.
    pub runs: u64,
    /// Log tails.
    pub logs: u64,
}

/// The writes that the store has not executed yet, in their order.
pub(super) struct UnsavedWrites {
    max_bytes: usize,
    bytes: usize,
    next_place: u64,
    runs: BTreeMap<u64, Box<Run>>,
    logs: BTreeMap<u64, (RunId, LogTail)>,
    /// The places of the writes of each run.
    of_run: HashMap<RunId, Places>,
    dropped: Dropped,
}

#[derive(Default)]
struct Places {
    /// Oldest first.
    runs: Vec<u64>,
    log: Option<u64>,
}

impl UnsavedWrites {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            bytes: 0,
            next_place: 0,
            runs: BTreeMap::new(),
            logs: BTreeMap::new(),
            of_run: HashMap::new(),
            dropped: Dropped::default(),
        }
    }

    /// Adds an observation. It is merged into an earlier one of the same state.
    pub(super) fn add_run(&mut self, run: Run) {
        let last = self.of_run.get(&run.id).and_then(|places| places.runs.last()).copied();
        match last.and_then(|place| self.runs.get_mut(&place)) {
            Some(earlier) if earlier.state == run.state => {
                let merged = earlier.merged(&run);
                self.bytes = self.bytes + run_bytes(&merged) - run_bytes(earlier);
                **earlier = merged;
            }
            _ => {
                let place = self.take_place();
                self.bytes += run_bytes(&run);
                self.of_run.entry(run.id.clone()).or_default().runs.push(place);
                self.runs.insert(place, Box::new(run));
            }
        }
        self.enforce_limit();
    }

    /// Adds the tail of a run's log, which replaces an earlier one.
    pub(super) fn add_log(&mut self, id: RunId, tail: LogTail) {
        let place = self.take_place();
        if let Some(earlier) = self.of_run.get(&id).and_then(|places| places.log) {
            self.remove(earlier);
        }
        self.bytes += log_bytes(&id, &tail);
        self.of_run.entry(id.clone()).or_default().log = Some(place);
        self.logs.insert(place, (id, tail));
        self.enforce_limit();
    }

    /// The first write.
    pub(super) fn first(&self) -> Option<(u64, PendingWrite)> {
        let first = self.runs.keys().next().into_iter().chain(self.logs.keys().next()).min()?;
        self.at(*first)
    }

    /// The first observation of that run.
    pub(super) fn first_of(&self, id: &RunId) -> Option<(u64, PendingWrite)> {
        self.at(*self.of_run.get(id)?.runs.first()?)
    }

    /// Removes a write that was executed, unless another observation was merged into it in the meantime.
    pub(super) fn remove_executed(&mut self, place: u64, executed: &PendingWrite) {
        if self.at(place).is_some_and(|(_, write)| write == *executed) {
            self.remove(place);
        }
    }

    /// The run of that id, with all its observations merged.
    pub(super) fn run(&self, id: &RunId) -> Option<Run> {
        self.merged(self.of_run.get(id)?)
    }

    /// All runs, each with all its observations merged.
    pub(super) fn all_runs(&self) -> Vec<Run> {
        self.of_run.values().filter_map(|places| self.merged(places)).collect()
    }

    /// The tail of that run's log.
    pub(super) fn log(&self, id: &RunId) -> Option<LogTail> {
        self.logs.get(&self.of_run.get(id)?.log?).map(|(_, tail)| tail.clone())
    }

    /// The number of writes.
    pub(super) fn len(&self) -> usize {
        self.runs.len() + self.logs.len()
    }

    /// The approximate memory of the writes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was dropped so far.
    pub(super) fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Drops the oldest log tails, because they are large and the cluster may still have the logs, and then the oldest
    /// observations.
    fn enforce_limit(&mut self) {
        while self.bytes > self.max_bytes {
            if let Some(place) = self.logs.keys().next().copied() {
                self.dropped.logs += 1;
                self.remove(place);
            } else if let Some(place) = self.runs.keys().next().copied() {
                self.dropped.runs += 1;
                self.remove(place);
            } else {
                return;
            }
        }
    }

    fn at(&self, place: u64) -> Option<(u64, PendingWrite)> {
        let run = self.runs.get(&place).map(|run| PendingWrite::Run(run.clone()));
        let log = || self.logs.get(&place).map(|(id, tail)| PendingWrite::Log(id.clone(), tail.clone()));
        run.or_else(log).map(|write| (place, write))
    }

    fn merged(&self, places: &Places) -> Option<Run> {
        let observed = places.runs.iter().filter_map(|place| self.runs.get(place));
        observed.map(|run| (**run).clone()).reduce(|run, observed| run.merged(&observed))
    }

    fn remove(&mut self, place: u64) {
        let id = if let Some(run) = self.runs.remove(&place) {
            self.bytes -= run_bytes(&run);
            run.id
        } else if let Some((id, tail)) = self.logs.remove(&place) {
            self.bytes -= log_bytes(&id, &tail);
            id
        } else {
            return;
        };
        if let Some(places) = self.of_run.get_mut(&id) {
            places.runs.retain(|other| *other != place);
            places.log = places.log.filter(|other| *other != place);
            if places.runs.is_empty() && places.log.is_none() {
                self.of_run.remove(&id);
            }
        }
    }

    fn take_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }
}

fn run_bytes(run: &Run) -> usize {
    let texts = [&run.namespace, &run.job_name].map(String::len).iter().sum::<usize>();
    let cause = run.cause.as_ref().map_or(0, |cause| cause.reason.len() + cause.message.len());
    let optional: usize =
        [&run.requested_by, &run.requested_via, &run.reason, &run.request_id, &run.fingerprint]
            .into_iter()
            .map(|text| text.as_ref().map_or(0, String::len))
            .sum();
    // The id is also a key.
    let names = 2 * run.id.as_str().len() + run.target.as_str().len();
    let containers: usize = run.containers.iter().map(|name| size_of::<String>() + name.len()).sum();
    size_of::<Run>() + ENTRY_BYTES + texts + cause + optional + names + containers
}

fn log_bytes(id: &RunId, tail: &LogTail) -> usize {
    ENTRY_BYTES + 2 * id.as_str().len() + tail.text.len() + tail.parts.len() * size_of::<LogPart>()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::super::run::{State, Trigger};
    use super::*;

    fn run(id: &str, state: State) -> Run {
        Run {
            state,
            reason: Some("r".repeat(500)),
            ..Run::pending(
                RunId::new(id),
                "sync".parse().unwrap(),
                "trading",
                id.to_owned(),
                Trigger::Scheduled,
                Timestamp::UNIX_EPOCH,
            )
        }
    }

    fn tail(bytes: usize) -> LogTail {
        LogTail { text: Bytes::from(vec![b'x'; bytes]), cut: true, ..LogTail::default() }
    }

    #[test]
    fn writes_keep_their_order_and_the_observations_of_one_state_are_one_write() {
        let mut writes = UnsavedWrites::new(usize::MAX);
        writes.add_run(run("a", State::Pending));
        writes.add_run(run("b", State::Pending));
        writes.add_run(run("a", State::Pending));
        writes.add_run(run("a", State::Succeeded));
        writes.add_log(RunId::new("a"), tail(1));
        writes.add_log(RunId::new("a"), tail(2));
        assert_eq!((writes.len(), writes.all_runs().len()), (4, 2));
        assert_eq!(writes.run(&RunId::new("a")).unwrap().state, State::Succeeded);
        assert_eq!(writes.log(&RunId::new("a")), Some(tail(2)));
        let mut order = Vec::new();
        while let Some((place, write)) = writes.first() {
            writes.remove_executed(place, &write);
            order.push(match write {
                PendingWrite::Run(run) => format!("{} {}", run.id, run.state),
                PendingWrite::Log(id, _) => format!("{id} log"),
            });
        }
        assert_eq!(order, ["a pending", "b pending", "a succeeded", "a log"]);
        assert_eq!((writes.bytes(), writes.of_run.len()), (0, 0));
    }

    #[test]
    fn a_write_that_changed_while_it_was_executed_is_kept() {
        let mut writes = UnsavedWrites::new(usize::MAX);
        writes.add_run(run("a", State::Pending));
        let (place, write) = writes.first_of(&RunId::new("a")).unwrap();
        writes.add_run(Run { reason: Some("another".to_owned()), ..run("a", State::Pending) });
        writes.remove_executed(place, &write);
        assert_eq!(writes.len(), 1);
    }

    #[test]
    fn tails_are_dropped_before_runs_and_the_size_stays_within_the_limit() {
        let mut writes = UnsavedWrites::new(1 << 20);
        for number in 0..500 {
            let id = format!("run-{number}");
            writes.add_run(run(&id, State::Succeeded));
            writes.add_log(RunId::new(id), tail(64 * 1024));
            assert!(writes.bytes() <= 1 << 20, "{}", writes.bytes());
        }
        assert_eq!(writes.dropped().runs, 0, "the limit has room for all runs");
        assert_eq!(writes.dropped().logs, 500 - writes.logs.len() as u64);
        assert!(writes.log(&RunId::new("run-499")).is_some() || writes.logs.is_empty());
        for number in 500..3_000 {
            writes.add_run(run(&format!("run-{number}"), State::Succeeded));
            assert!(writes.bytes() <= 1 << 20, "{}", writes.bytes());
        }
        assert!(writes.logs.is_empty() && writes.dropped().runs > 0);
        assert_eq!(writes.run(&RunId::new("run-0")), None);
        assert!(writes.run(&RunId::new("run-2999")).is_some());
    }
}
