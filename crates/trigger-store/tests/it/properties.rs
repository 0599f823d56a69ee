//! Generated observations of runs: both databases store what [`Run::merged`] defines.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use trigger_core::run::{CANCELLED_ON_REQUEST, Cause, OUTCOME_UNKNOWN, Run, RunId, State, Trigger};
use trigger_core::run_store::{RunFilter, RunStore};
use trigger_store::SqlStore;

use super::support::{both, target};

fn timestamp() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_000_000_000_i128)
        .prop_map(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).expect("a time"))
}

fn cause() -> impl Strategy<Value = Cause> {
    let reason = prop::sample::select(vec![CANCELLED_ON_REQUEST, OUTCOME_UNKNOWN, "Error"]);
    (reason, "[ab\0']{0,2}", prop::option::of(prop::sample::select(vec![0, 1, -1, i32::MAX])))
        .prop_map(|(reason, message, exit_code)| Cause { reason: reason.to_owned(), message, exit_code })
}

fn observation() -> impl Strategy<Value = Run> {
    let text = || prop::option::of("\\PC{0,3}\0?");
    let state = prop::sample::select(State::ALL.to_vec());
    let trigger = prop::sample::select(vec![Trigger::Manual, Trigger::Scheduled]);
    (
        (0..3_u8, state, trigger, prop::option::of(cause())),
        (text(), text(), text(), text(), text(), text()),
        (timestamp(), prop::option::of(timestamp()), prop::option::of(timestamp())),
    )
        .prop_map(|((id, state, trigger, cause), texts, times)| Run {
            id: RunId::new(id.to_string()),
            target: target("trades-sync"),
            namespace: "trading".to_owned(),
            job_name: format!("job-{id}"),
            trigger,
            state,
            cause,
            requested_by: texts.0,
            reason: texts.1,
            request_id: texts.2,
            fingerprint: texts.3,
            containers: texts.4.iter().cloned().collect(),
            parameters: texts.4.map(|text| ("SYNC_DATE".to_owned(), text.into())).into_iter().collect(),
            retry_of: texts.5.clone().map(|text| RunId::new(text.replace('\0', ""))),
            requested_via: texts.5,
            created_at: times.0,
            started_at: times.1,
            finished_at: times.2,
            task: None,
        })
}

/// The run as a store returns it: without NUL, in whole microseconds.
fn storable(run: Run) -> Run {
    let text = |text: Option<String>| text.map(|text| text.replace('\0', "\u{fffd}"));
    let time =
        |time: Timestamp| Timestamp::from_nanosecond(time.as_nanosecond() / 1_000 * 1_000).expect("a time");
    Run {
        cause: run.cause.map(|cause| Cause { message: cause.message.replace('\0', "\u{fffd}"), ..cause }),
        requested_by: text(run.requested_by),
        reason: text(run.reason),
        request_id: text(run.request_id),
        requested_via: text(run.requested_via),
        fingerprint: text(run.fingerprint),
        created_at: time(run.created_at),
        started_at: run.started_at.map(time),
        finished_at: run.finished_at.map(time),
        task: None,
        ..run
    }
}

/// Saves the observations and compares the stored runs and events with those computed without a database.
async fn stores_the_merged_runs(store: &SqlStore, observations: &[Run]) {
    let (_, before) = store.event_range().await.expect("it can be read").unwrap_or((1, 0));
    let mut expected: BTreeMap<RunId, Run> = BTreeMap::new();
    let mut changes = Vec::new();
    for observation in observations {
        let observation = storable(observation.clone());
        let earlier = expected.get(&observation.id);
        let now = earlier.map_or_else(|| observation.clone(), |earlier| earlier.merged(&observation));
        if earlier.is_none_or(|earlier| (earlier.state, &earlier.cause) != (now.state, &now.cause)) {
            changes.push(now.clone());
        }
        expected.insert(now.id.clone(), now);
    }
    for observation in observations {
        store.save(observation).await.expect("it can be saved");
    }
    for (id, run) in &expected {
        assert_eq!(store.run(id).await.expect("it can be read").as_ref(), Some(run));
    }
    let events = store.events_after(before, u16::MAX).await.expect("they can be read");
    let events: Vec<Run> =
        events.iter().map(|event| (**event.run().expect("no run is deleted")).clone()).collect();
    assert_eq!(events, changes);
}

/// Compares the counts that the triggers keep with the stored runs.
async fn counts_the_stored_runs(store: &SqlStore) {
    let all = RunFilter { limit: u16::MAX, ..RunFilter::default() };
    let runs = store.runs(&all).await.expect("they can be read").runs;
    for trigger in Trigger::ALL {
        let filter = RunFilter { trigger: Some(trigger), ..RunFilter::default() };
        let counts = store.counts(&filter).await.expect("they can be read").by_state;
        for state in State::ALL {
            let expected = runs.iter().filter(|run| (run.state, run.trigger) == (state, trigger)).count();
            assert_eq!(
                counts.get(&state).copied().unwrap_or_default(),
                expected as u64,
                "{state} {trigger:?}"
            );
        }
    }
}

#[test]
fn any_sequence_of_observations_is_merged_in_the_same_way_on_both_databases() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores = runtime.block_on(async {
        let [sqlite, postgres] = both().await;
        (sqlite.open().await, postgres.open().await, sqlite, postgres)
    });
    let next = AtomicU32::new(0);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let observations = prop::collection::vec(observation(), 1..12);
    let checked = TestRunner::new(config).run(&observations, |observations| {
        // Each case has its own runs.
        let case = next.fetch_add(1, Ordering::Relaxed);
        let of_case = |run: Run| Run { id: RunId::new(format!("{case}-{}", run.id)), ..run };
        let observations: Vec<Run> = observations.into_iter().map(of_case).collect();
        runtime.block_on(async {
            stores_the_merged_runs(&stores.0, &observations).await;
            stores_the_merged_runs(&stores.1, &observations).await;
        });
        Ok(())
    });
    checked.unwrap();
    runtime.block_on(async {
        counts_the_stored_runs(&stores.0).await;
        counts_the_stored_runs(&stores.1).await;
    });
}
