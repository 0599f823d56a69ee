//! Each change of a run is saved once, whichever replica saves it.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use trigger_core::run::{CANCELLED_ON_REQUEST, Cause, OUTCOME_UNKNOWN, Run, RunId, State};
use trigger_core::run_store::RunStore;

use super::support::{at, both, events, failed, numbers, open, pending, postgres, running, target};

#[tokio::test]
async fn a_run_saved_twice_is_stored_once_with_one_event() {
    for database in both().await {
        let store = database.open().await;
        let run = pending("a");
        assert_eq!(store.save(&run).await.unwrap(), run);
        assert_eq!(store.save(&run).await.unwrap(), run);
        assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));
        let events = events(&store).await;
        assert_eq!(numbers(&events), [1]);
        assert_eq!(events[0].run().map(|run| &**run), Some(&run));
        assert_eq!((&events[0].run_id, &events[0].target), (&run.id, &run.target));
    }
}

#[tokio::test]
async fn every_change_of_state_or_cause_is_an_event_and_nothing_else_is() {
    for database in both().await {
        let store = database.open().await;
        let first = pending("a");
        let waiting = Run { cause: Some(Cause::new("Unschedulable", "no node is free")), ..first.clone() };
        let renamed = Run { request_id: Some("request-2".to_owned()), ..running(&first) };
        let other_message =
            Cause { message: "another message".to_owned(), ..failed(&first, 1).cause.unwrap() };
        let observations =
            [&first, &waiting, &running(&first), &renamed, &failed(&first, 3), &failed(&first, 4)];
        for observation in observations {
            store.save(observation).await.unwrap();
        }
        // The cause of an ended run does not change.
        store.save(&Run { cause: Some(other_message), ..failed(&first, 1) }).await.unwrap();
        let events = events(&store).await;
        let reported: Vec<_> = events
            .iter()
            .map(|event| {
                let run = event.run().unwrap();
                (run.state, run.cause.clone())
            })
            .collect();
        let expected = [&first, &waiting, &running(&first), &failed(&first, 3)];
        assert_eq!(reported, expected.map(|run| (run.state, run.cause.clone())));
        let stored = store.run(&first.id).await.unwrap().unwrap();
        assert_eq!(stored.request_id.as_deref(), Some("request-1"), "the last observation has it");
    }
}

#[tokio::test]
async fn an_ended_run_keeps_its_state_and_an_observed_end_replaces_an_unknown_one() {
    for database in both().await {
        let store = database.open().await;
        let lost = running(&pending("a")).ended(
            State::Interrupted,
            Cause::new(OUTCOME_UNKNOWN, "the end was not observed"),
            at(9),
        );
        store.save(&lost).await.unwrap();
        let observed = failed(&pending("a"), 2);
        assert_eq!(store.save(&observed).await.unwrap(), observed);
        for late in [pending("a"), running(&pending("a")), lost] {
            assert_eq!(store.save(&late).await.unwrap().state, State::Failed);
        }
        let kept = store.run(&observed.id).await.unwrap().unwrap();
        assert_eq!(
            (kept.state, kept.cause, kept.finished_at),
            (observed.state, observed.cause, observed.finished_at)
        );
        assert_eq!(events(&store).await.len(), 2);
    }
}

#[tokio::test]
async fn an_observation_without_requester_and_reason_keeps_the_stored_ones() {
    for database in both().await {
        let store = database.open().await;
        let bare = Run {
            requested_by: None,
            reason: None,
            request_id: None,
            fingerprint: None,
            requested_via: None,
            retry_of: None,
            parameters: trigger_core::parameters::Parameters::default(),
            containers: Vec::new(),
            ..running(&pending("a"))
        };
        // The watch can report the Job before or after the request that created it is saved.
        store.save(&bare).await.unwrap();
        store.save(&pending("a")).await.unwrap();
        store.save(&bare).await.unwrap();
        assert_eq!(store.run(&bare.id).await.unwrap(), Some(running(&pending("a"))));
    }
}

#[tokio::test]
async fn any_text_is_returned_unchanged_and_only_nul_is_replaced() {
    let texts = ["O'Neil \"; DROP TABLE runs; --", "π 日本 👩‍👩‍👧 \u{202e}", "a\\b\n\t%_$1?", "", " "];
    for database in both().await {
        let store = database.open().await;
        for (number, text) in texts.into_iter().enumerate() {
            let run = Run {
                id: RunId::new(format!("{number}{text}")),
                job_name: text.to_owned(),
                reason: Some(text.to_owned()),
                cause: Some(Cause::new(text, text)),
                ..pending("a")
            };
            store.save(&run).await.unwrap();
            assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));
            assert_eq!(store.run_of_job(&run.target, text).await.unwrap(), Some(run));
        }
        let odd = Run { reason: Some("a\0b".to_owned()), ..pending("nul\0") };
        let kept = store.save(&odd).await.unwrap();
        assert_eq!(kept.reason.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(store.run(&odd.id).await.unwrap(), Some(kept.clone()));
        assert_eq!(store.save(&odd).await.unwrap(), kept);
        assert_eq!(events(&store).await.len(), texts.len() + 1);
    }
}

#[tokio::test]
async fn times_are_stored_in_microseconds_and_nanoseconds_change_nothing() {
    for database in both().await {
        let store = database.open().await;
        let run = Run { created_at: at(0) + SignedDuration::from_nanos(1_234_567), ..pending("a") };
        let kept = store.save(&run).await.unwrap();
        assert_eq!(kept.created_at, at(0) + SignedDuration::from_micros(1_234));
        assert_eq!(store.save(&run).await.unwrap(), kept);
        assert_eq!(store.run(&run.id).await.unwrap(), Some(kept));
        assert_eq!(events(&store).await.len(), 1);
    }
}

#[tokio::test]
async fn an_unknown_id_is_none() {
    for database in both().await {
        let store = database.open().await;
        for id in ["", "a", "nul\0", "'"] {
            assert_eq!(store.run(&RunId::new(id)).await.unwrap(), None);
            assert_eq!(store.log(&RunId::new(id)).await.unwrap(), None);
            assert_eq!(store.run_of_job(&target("trades-sync"), id).await.unwrap(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_save_the_same_changes_at_the_same_time_store_each_change_once() {
    for database in both().await {
        let replicas = [database.open().await, database.open().await];
        let mut saves = tokio::task::JoinSet::new();
        for number in 0..50 {
            for replica in &replicas {
                let (replica, run) = (replica.clone(), pending(&number.to_string()));
                saves.spawn(async move {
                    for observation in [run.clone(), running(&run), failed(&run, 1)] {
                        replica.save(&observation).await.unwrap();
                    }
                });
            }
        }
        while let Some(saved) = saves.join_next().await {
            saved.unwrap();
        }
        let events = events(&replicas[0]).await;
        assert_eq!(numbers(&events), (1..=150).collect::<Vec<_>>());
        let reported: BTreeSet<_> =
            events.iter().map(|event| (&event.run_id, event.run().unwrap().state.as_str())).collect();
        assert_eq!(reported.len(), 150, "no change is reported twice");
        for number in 0..50 {
            let run = failed(&pending(&number.to_string()), 1);
            assert_eq!(replicas[1].run(&run.id).await.unwrap(), Some(run.clone()));
            let states: Vec<_> = events
                .iter()
                .filter(|event| event.run_id == run.id)
                .map(|event| event.run().unwrap().state)
                .collect();
            assert_eq!(states, [State::Pending, State::Running, State::Failed]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_different_observations_of_one_run_at_the_same_time_are_all_merged() {
    let database = postgres().await;
    let replicas = [open(&database.url).await, open(&database.url).await];
    let cancelled = Cause::new(CANCELLED_ON_REQUEST, "requested");
    let mut saves = tokio::task::JoinSet::new();
    for number in 0..50 {
        let replica = replicas[number % 2].clone();
        let waiting = Cause::new("ImagePullBackOff", format!("attempt {number}"));
        let mut observation = Run { cause: Some(waiting), ..pending("a") };
        if number == 25 {
            observation = observation.ended(State::Cancelled, cancelled.clone(), at(5));
        }
        saves.spawn(async move { replica.save(&observation).await.unwrap() });
    }
    while let Some(saved) = saves.join_next().await {
        saved.unwrap();
    }
    let kept = replicas[0].run(&RunId::new("a")).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.cause), (State::Cancelled, Some(cancelled)));
    let events = events(&replicas[0]).await;
    assert_eq!(numbers(&events), (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().run().unwrap().state, State::Cancelled, "no event follows the end");
}
