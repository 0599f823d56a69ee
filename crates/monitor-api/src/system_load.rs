//! The load of the machine, from `/proc` and the file system.
//!
//! Three values need no library: `sysinfo` would add more code than this module has. They are those of the node, also in a
//! container, as in the replaced system.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

/// The load of the machine in percent; null for a value that can't be read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SystemLoad {
    /// The use of all processors since the last request.
    pub cpu_percent: Option<f64>,
    /// The memory that is not available.
    pub memory_percent: Option<f64>,
    /// The used part of the root file system.
    pub disk_usage_percent: Option<f64>,
}

/// Reads the load of the machine.
#[derive(Debug)]
pub struct SystemLoadReader {
    processor: Mutex<ProcessorUse>,
}

/// The use of the processors up to the last request.
#[derive(Clone, Copy, Debug)]
struct ProcessorUse {
    times: Option<ProcessorTimes>,
    percent: Option<f64>,
}

/// Times of all processors since the start of the machine, in the kernel's ticks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct ProcessorTimes {
    total: u64,
    idle: u64,
}

impl SystemLoadReader {
    /// A reader whose first value covers the time from now on.
    pub fn new() -> Self {
        Self { processor: Mutex::new(ProcessorUse { times: read_processor_times(), percent: Some(0.0) }) }
    }

    /// The current load.
    pub fn read(&self) -> SystemLoad {
        SystemLoad {
            cpu_percent: self.processor_percent(),
            memory_percent: read("/proc/meminfo").as_deref().and_then(memory_percent),
            disk_usage_percent: disk_percent(),
        }
    }

    fn processor_percent(&self) -> Option<f64> {
        let mut last = self.processor.lock().unwrap_or_else(PoisonError::into_inner);
        let times = read_processor_times();
        let percent = match (last.times, times) {
            // Two requests within one tick get the same value.
            (Some(before), Some(after)) => busy_percent(before, after).or(last.percent),
            _ => None,
        };
        *last = ProcessorUse { times, percent };
        percent
    }
}

impl Default for SystemLoadReader {
    fn default() -> Self {
        Self::new()
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn read_processor_times() -> Option<ProcessorTimes> {
    processor_times(&read("/proc/stat")?)
}

/// Reads the first line: user, nice, system, idle, iowait, irq, softirq, steal; guests are part of user and nice.
fn processor_times(stat: &str) -> Option<ProcessorTimes> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = fields.split_whitespace().take(8).map_while(|text| text.parse().ok()).collect();
    let [_, _, _, idle, waiting, ..] = times[..] else { return None };
    Some(ProcessorTimes { total: times.iter().sum(), idle: idle + waiting })
}

fn busy_percent(before: ProcessorTimes, after: ProcessorTimes) -> Option<f64> {
    let total = after.total.checked_sub(before.total).filter(|total| *total > 0)?;
    let idle = after.idle.saturating_sub(before.idle).min(total);
    Some(percent(total - idle, total))
}

fn memory_percent(meminfo: &str) -> Option<f64> {
    let value = |name: &str| -> Option<u64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (total, available) = (value("MemTotal")?, value("MemAvailable")?);
    (total > 0).then(|| percent(total.saturating_sub(available), total))
}

/// The used part of what unprivileged processes can use.
fn disk_percent() -> Option<f64> {
    let file_system = rustix::fs::statvfs("/").ok()?;
    let used = file_system.f_blocks.saturating_sub(file_system.f_bfree);
    let usable = used + file_system.f_bavail;
    (usable > 0).then(|| percent(used, usable))
}

/// A percentage with one decimal.
#[expect(clippy::cast_precision_loss, reason = "one decimal does not need more than 52 bits")]
fn percent(part: u64, whole: u64) -> f64 {
    (part as f64 * 1000.0 / whole as f64).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{ProcessorTimes, SystemLoadReader, busy_percent, memory_percent, processor_times};

    #[test]
    fn the_load_of_this_machine_can_be_read() {
        let load = SystemLoadReader::new().read();
        for value in [load.cpu_percent, load.memory_percent, load.disk_usage_percent] {
            assert!(value.is_some_and(|percent| (0.0..=100.0).contains(&percent)), "{load:?}");
        }
    }

    #[test]
    fn processors_are_idle_while_they_wait_for_disks() {
        let times = processor_times("cpu  10 20 30 400 50 1 2 3 7 8\ncpu0 1 2 3 4\n");
        assert_eq!(times, Some(ProcessorTimes { total: 516, idle: 450 }));
        assert_eq!(processor_times("intr 1 2 3"), None);
    }

    #[test]
    fn the_use_of_processors_is_that_since_the_last_request() {
        let times = |total, idle| ProcessorTimes { total, idle };
        assert_eq!(busy_percent(times(100, 50), times(300, 150)), Some(50.0));
        assert_eq!(busy_percent(times(100, 50), times(100, 50)), None);
    }

    #[test]
    fn memory_is_used_when_it_is_not_available() {
        let text = "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    250 kB\n";
        assert_eq!(memory_percent(text), Some(75.0));
        assert_eq!(memory_percent("MemTotal: 1000 kB\n"), None);
    }
}
