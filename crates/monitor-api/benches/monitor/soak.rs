//! A minute of heartbeats: 10,000 instances, each every 10 seconds.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;
use testkit::nats::{NatsServer, NatsVersion};
use tokio::time::{Instant, sleep_until, timeout};

use super::MAX_AGE;
use super::bucket::BenchBucket;
use super::event_reader::PutReader;
use super::program::MeasuredProgram;
use super::report::per_second;

const INSTANCES: usize = 10_000;
const HEARTBEATS: usize = 60_000;
const PAUSE: Duration = Duration::from_millis(1);
/// Puts that wait for their time or for their confirmation.
const CONCURRENT_PUTS: usize = 256;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends the heartbeats, counts their events, and compares the final list with the bucket.
pub(crate) async fn run() {
    let server = NatsServer::start(NatsVersion::Pinned);
    let bucket = BenchBucket::create(&server, MAX_AGE).await;
    bucket.fill(INSTANCES).await;
    let program = MeasuredProgram::start(&server, INSTANCES).await;
    let mut events = PutReader::open(&program).await;

    let first = u64::try_from(INSTANCES).expect("a small number") + 1;
    let last = first + u64::try_from(HEARTBEATS).expect("a small number") - 1;
    let reader = tokio::spawn(async move {
        let mut revisions = Vec::new();
        while revisions.last() != Some(&last) {
            let Ok(Some(revision)) = timeout(TIMEOUT, events.next_revision()).await else { break };
            revisions.push(revision);
        }
        revisions
    });
    let (began, before) = (Instant::now(), program.processor_time());
    send_heartbeats(&bucket, began).await;
    let (elapsed, used) = (began.elapsed(), program.processor_time().saturating_sub(before));
    let (resident, peak) = (program.resident_megabytes(), program.peak_megabytes());

    let revisions = reader.await.expect("the reader ends");
    let missed = (first..=last).filter(|revision| revisions.binary_search(revision).is_err()).count();
    let instances: Vec<Value> =
        serde_json::from_slice(&program.get_bytes("/api/instances").await).expect("a JSON array");
    let stored: Vec<Value> = bucket.read_each_key().await.iter().map(parsed).collect();
    let equal = sorted(instances) == sorted(stored);
    println!(
        "\n{} heartbeats per second for {:.0} s with one event stream: {:.2} s of processor time ({:.2} of a core), {} events, {missed} missed; \
         {resident:.1} MB resident, peak {peak:.1} MB; the list equals the bucket: {equal}",
        per_second(HEARTBEATS, elapsed),
        elapsed.as_secs_f64(),
        used.as_secs_f64(),
        used.as_secs_f64() / elapsed.as_secs_f64(),
        revisions.len()
    );
}

async fn send_heartbeats(bucket: &BenchBucket, began: Instant) {
    let puts = (0_u32..).take(HEARTBEATS).zip(0_usize..).map(|(tick, number)| async move {
        sleep_until(began + PAUSE * tick).await;
        bucket.heartbeat(number % INSTANCES).await
    });
    futures_util::stream::iter(puts).buffer_unordered(CONCURRENT_PUTS).count().await;
}

fn parsed(bytes: &Bytes) -> Value {
    serde_json::from_slice(bytes).expect("the bench writes JSON")
}

fn sorted(mut instances: Vec<Value>) -> Vec<Value> {
    instances.sort_by_key(|instance| instance["instanceId"].to_string());
    instances
}
