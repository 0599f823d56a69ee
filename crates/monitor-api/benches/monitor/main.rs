//! `just bench-monitor`: compares `GET /api/instances` with a reader that fetches each key from the bucket, as the replaced system
//! does. Both alternate, so that a slow phase of the machine affects both. Also measures memory, the time from a heartbeat to its
//! event, and a minute of 1,000 heartbeats per second.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts processes and prints its results"
)]

mod bucket;
mod event_reader;
mod program;
mod report;
mod soak;

use std::time::{Duration, Instant};

use testkit::nats::{NatsServer, NatsVersion};

use self::bucket::BenchBucket;
use self::event_reader::PutReader;
use self::program::MeasuredProgram;
use self::report::{Figures, milliseconds, per_second};

/// The sizes of the bucket, with the number of calls to each side. A call of the reader takes seconds at 10,000.
const SIZES: [(usize, usize); 4] = [(1, 300), (100, 200), (1_000, 40), (10_000, 7)];
/// How many requests to the API follow each other between two calls of the reader.
const REQUESTS_PER_CALL: usize = 5;
/// How long requests are sent without pauses, and on how many connections.
const LOAD: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 8;
/// The number of heartbeats whose events are measured, in a bucket with so many instances.
const HEARTBEATS: usize = 300;
const INSTANCES_WITH_EVENTS: usize = 1_000;
const IDLE: Duration = Duration::from_secs(30);
/// The maximum age of the bucket that the chart's Job creates.
const MAX_AGE: Duration = Duration::from_secs(30);

fn main() {
    common::tls::install_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure());
}

async fn measure() {
    measure_idle().await;
    println!(
        "\n| instances | body | GET, median | p99 | reader, median | p99 | reader / GET | requests per second | resident | after the requests | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (instances, calls) in SIZES {
        compare(instances, calls).await;
    }
    measure_events().await;
    soak::run().await;
}

/// Memory and processor time without instances and without requests.
async fn measure_idle() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let _bucket = BenchBucket::create(&server, MAX_AGE).await;
    let program = MeasuredProgram::start(&server, 0).await;
    let before = program.processor_time();
    tokio::time::sleep(IDLE).await;
    let used = program.processor_time().saturating_sub(before);
    println!(
        "idle: {:.1} MB resident, {:.2}% of a core",
        program.resident_megabytes(),
        used.as_secs_f64() / IDLE.as_secs_f64() * 100.0
    );
}

/// Alternates between the API and the reader.
async fn compare(instances: usize, calls: usize) {
    let server = NatsServer::start(NatsVersion::Pinned);
    // Entries do not expire, because a call of the reader takes long.
    let bucket = BenchBucket::create(&server, Duration::ZERO).await;
    bucket.fill(instances).await;
    let program = MeasuredProgram::start(&server, instances).await;
    let resident = program.resident_megabytes();
    let (mut gets, mut reads, mut size) = (Vec::new(), Vec::new(), 0);
    for call in 0..=calls {
        for _ in 0..REQUESTS_PER_CALL {
            let began = Instant::now();
            size = program.get_bytes("/api/instances").await.len();
            gets.push(began.elapsed().as_secs_f64());
        }
        let began = Instant::now();
        let read = bucket.read_each_key().await;
        reads.push(began.elapsed().as_secs_f64());
        assert_eq!(read.len(), instances, "the reader finds every instance");
        // The first call warms up both sides.
        if call == 0 {
            gets.clear();
            reads.clear();
        }
    }
    let rate = sustained(&program).await;
    let (ours, theirs) = (Figures::of(&gets), Figures::of(&reads));
    println!(
        "| {instances} | {:.1} kB | {} | {} | {} | {} | {:.0}x | {rate} | {resident:.1} MB | {:.1} MB | {:.1} MB |",
        report::kilobytes(size),
        milliseconds(ours.median),
        milliseconds(ours.p99),
        milliseconds(theirs.median),
        milliseconds(theirs.p99),
        theirs.median / ours.median,
        program.resident_megabytes(),
        program.peak_megabytes()
    );
}

/// Sends requests without pauses, and returns their number per second.
async fn sustained(program: &MeasuredProgram) -> String {
    let until = Instant::now() + LOAD;
    let workers = (0..CONNECTIONS).map(|_| async {
        let mut requests = 0_usize;
        while Instant::now() < until {
            program.get_bytes("/api/instances").await;
            requests += 1;
        }
        requests
    });
    let requests: usize = futures_util::future::join_all(workers).await.into_iter().sum();
    per_second(requests, LOAD)
}

/// The time from the start of a put to the arrival of its event.
async fn measure_events() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = BenchBucket::create(&server, Duration::ZERO).await;
    bucket.fill(INSTANCES_WITH_EVENTS).await;
    let program = MeasuredProgram::start(&server, INSTANCES_WITH_EVENTS).await;
    let mut events = PutReader::open(&program).await;
    let mut times = Vec::new();
    for number in 0..HEARTBEATS {
        let began = Instant::now();
        let arrival = async {
            let revision = events.next_revision().await;
            (revision, began.elapsed())
        };
        let (revision, (observed, elapsed)) = tokio::join!(bucket.heartbeat(number), arrival);
        assert_eq!(Some(revision), observed, "the event is that of the heartbeat");
        times.push(elapsed.as_secs_f64());
    }
    let figures = Figures::of(&times);
    println!(
        "\nheartbeat to event at {INSTANCES_WITH_EVENTS} instances: median {}, p99 {}",
        milliseconds(figures.median),
        milliseconds(figures.p99)
    );
}
