//! Runs go in once, in the order of their life, whoever saves them.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use trigger_core::ports::RunStore;
use trigger_core::run::{CANCELLED_ON_REQUEST, Cause, OUTCOME_UNKNOWN, Run, RunId, State};

use super::support::{at, both, events, failed, numbers, open, pending, postgres, running, target};

#[tokio::test]
async fn a_run_saved_twice_is_stored_once_with_one_event() {
    for place in both().await {
        let store = place.open().await;
        let run = pending("a");
        assert_eq!(store.save(&run).await.unwrap(), run);
        assert_eq!(store.save(&run).await.unwrap(), run);
        assert_eq!(store.run(&run.id).await.unwrap(), Some(run.clone()));
        let events = events(&store).await;
        assert_eq!(numbers(&events), [1]);
        assert_eq!((&*events[0].run, events[0].state), (&run, State::Pending));
        assert_eq!((&events[0].run_id, &events[0].target), (&run.id, &run.target));
    }
}

#[tokio::test]
async fn every_change_of_state_or_cause_is_an_event_and_nothing_else_is() {
    for place in both().await {
        let store = place.open().await;
        let first = pending("a");
        let waiting = Run { cause: Some(Cause::new("Unschedulable", "no node is free")), ..first.clone() };
        let renamed = Run { request_id: Some("request-2".to_owned()), ..running(&first) };
        let other_words = Cause { message: "other words".to_owned(), ..failed(&first, 1).cause.unwrap() };
        let sights = [&first, &waiting, &running(&first), &renamed, &failed(&first, 3), &failed(&first, 4)];
        for sight in sights {
            store.save(sight).await.unwrap();
        }
        // What ended stays ended, so its cause can't change either.
        store.save(&Run { cause: Some(other_words), ..failed(&first, 1) }).await.unwrap();
        let events = events(&store).await;
        let told: Vec<_> = events.iter().map(|event| (event.state, event.run.cause.clone())).collect();
        let expected = [&first, &waiting, &running(&first), &failed(&first, 3)];
        assert_eq!(told, expected.map(|run| (run.state, run.cause.clone())));
        let stored = store.run(&first.id).await.unwrap().unwrap();
        assert_eq!(stored.request_id.as_deref(), Some("request-1"), "the last one that was seen");
    }
}

#[tokio::test]
async fn what_ended_stays_ended_and_an_unseen_end_gives_way_to_a_seen_one() {
    for place in both().await {
        let store = place.open().await;
        let lost = running(&pending("a")).ended(
            State::Interrupted,
            Cause::new(OUTCOME_UNKNOWN, "nobody was looking"),
            at(9),
        );
        store.save(&lost).await.unwrap();
        let seen = failed(&pending("a"), 2);
        assert_eq!(store.save(&seen).await.unwrap(), seen);
        for late in [pending("a"), running(&pending("a")), lost] {
            assert_eq!(store.save(&late).await.unwrap().state, State::Failed);
        }
        let kept = store.run(&seen.id).await.unwrap().unwrap();
        assert_eq!((kept.state, kept.cause, kept.finished_at), (seen.state, seen.cause, seen.finished_at));
        assert_eq!(events(&store).await.len(), 2);
    }
}

#[tokio::test]
async fn a_sight_without_them_takes_away_neither_who_asked_nor_why() {
    for place in both().await {
        let store = place.open().await;
        let bare = Run {
            requested_by: None,
            reason: None,
            request_id: None,
            fingerprint: None,
            ..running(&pending("a"))
        };
        // The watch may see the Job before the request that made it is noted, or after.
        store.save(&bare).await.unwrap();
        store.save(&pending("a")).await.unwrap();
        store.save(&bare).await.unwrap();
        assert_eq!(store.run(&bare.id).await.unwrap(), Some(running(&pending("a"))));
    }
}

#[tokio::test]
async fn any_text_comes_back_as_it_was_and_only_nul_is_replaced() {
    let texts = ["O'Neil \"; DROP TABLE runs; --", "π 日本 👩‍👩‍👧 \u{202e}", "a\\b\n\t%_$1?", "", " "];
    for place in both().await {
        let store = place.open().await;
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
async fn times_are_kept_to_the_microsecond_and_a_finer_one_changes_nothing() {
    for place in both().await {
        let store = place.open().await;
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
    for place in both().await {
        let store = place.open().await;
        for id in ["", "a", "nul\0", "'"] {
            assert_eq!(store.run(&RunId::new(id)).await.unwrap(), None);
            assert_eq!(store.log(&RunId::new(id)).await.unwrap(), None);
            assert_eq!(store.run_of_job(&target("trades-sync"), id).await.unwrap(), None);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_save_the_same_changes_at_once_store_each_change_once() {
    for place in both().await {
        let replicas = [place.open().await, place.open().await];
        let mut saves = tokio::task::JoinSet::new();
        for number in 0..50 {
            for replica in &replicas {
                let (replica, run) = (replica.clone(), pending(&number.to_string()));
                saves.spawn(async move {
                    for sight in [run.clone(), running(&run), failed(&run, 1)] {
                        replica.save(&sight).await.unwrap();
                    }
                });
            }
        }
        while let Some(saved) = saves.join_next().await {
            saved.unwrap();
        }
        let events = events(&replicas[0]).await;
        assert_eq!(numbers(&events), (1..=150).collect::<Vec<_>>());
        let told: BTreeSet<_> = events.iter().map(|event| (&event.run_id, event.state.as_str())).collect();
        assert_eq!(told.len(), 150, "no change is told twice");
        for number in 0..50 {
            let run = failed(&pending(&number.to_string()), 1);
            assert_eq!(replicas[1].run(&run.id).await.unwrap(), Some(run.clone()));
            let states: Vec<_> =
                events.iter().filter(|event| event.run_id == run.id).map(|event| event.state).collect();
            assert_eq!(states, [State::Pending, State::Running, State::Failed]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_different_sights_of_one_run_at_once_are_all_merged() {
    let place = postgres().await;
    let replicas = [open(&place.url).await, open(&place.url).await];
    let cancelled = Cause::new(CANCELLED_ON_REQUEST, "asked for");
    let mut saves = tokio::task::JoinSet::new();
    for number in 0..50 {
        let replica = replicas[number % 2].clone();
        let waiting = Cause::new("ImagePullBackOff", format!("attempt {number}"));
        let mut sight = Run { cause: Some(waiting), ..pending("a") };
        if number == 25 {
            sight = sight.ended(State::Cancelled, cancelled.clone(), at(5));
        }
        saves.spawn(async move { replica.save(&sight).await.unwrap() });
    }
    while let Some(saved) = saves.join_next().await {
        saved.unwrap();
    }
    let kept = replicas[0].run(&RunId::new("a")).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.cause), (State::Cancelled, Some(cancelled)));
    let events = events(&replicas[0]).await;
    assert_eq!(numbers(&events), (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap().state, State::Cancelled, "nothing comes after the end");
}
