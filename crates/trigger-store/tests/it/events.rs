//! Events can be followed and resumed without missing one.

use trigger_core::ports::{Retention, RunStore};

use super::support::{both, events, numbers, open, pending, running};

#[tokio::test]
async fn events_resume_after_any_of_them_and_after_a_restart() {
    for place in both().await {
        let store = place.open().await;
        assert_eq!(store.event_range().await.unwrap(), None);
        assert!(events(&store).await.is_empty());
        for number in 0..5 {
            store.save(&pending(&number.to_string())).await.unwrap();
        }
        assert_eq!(store.event_range().await.unwrap(), Some((1, 5)));
        assert_eq!(numbers(&store.events_after(2, 2).await.unwrap()), [3, 4]);
        store.close().await;
        let store = open(&place.url).await;
        assert_eq!(numbers(&store.events_after(4, 100).await.unwrap()), [5]);
        assert!(store.events_after(5, 100).await.unwrap().is_empty());
        store.save(&running(&pending("0"))).await.unwrap();
        assert_eq!(numbers(&store.events_after(5, 100).await.unwrap()), [6]);
    }
}

#[tokio::test]
async fn numbers_go_on_after_every_event_was_forgotten() {
    for place in both().await {
        let store = place.open().await;
        for number in 0..3 {
            store.save(&pending(&number.to_string())).await.unwrap();
        }
        store.prune(Retention { runs: 9, events: 0 }).await.unwrap();
        // The oldest one is the next one: whoever knows the third one has missed nothing.
        assert_eq!(store.event_range().await.unwrap(), Some((4, 3)));
        store.save(&pending("3")).await.unwrap();
        assert_eq!(store.event_range().await.unwrap(), Some((4, 4)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_follows_while_others_write_misses_none() {
    for place in both().await {
        let writers = [place.open().await, place.open().await];
        let mut writing = tokio::task::JoinSet::new();
        for number in 0..20 {
            let writer = writers[number % 2].clone();
            writing.spawn(async move {
                for part in 0..10 {
                    let run = pending(&format!("{number}-{part}"));
                    writer.save(&run).await.unwrap();
                    writer.save(&running(&run)).await.unwrap();
                }
            });
        }
        let reader = place.open().await;
        let mut seen = Vec::new();
        let mut read = async || {
            let last = seen.last().copied().unwrap_or(0);
            seen.extend(numbers(&reader.events_after(last, 7).await.unwrap()));
        };
        while !writing.is_empty() {
            read().await;
            writing.try_join_next().transpose().unwrap();
        }
        // All is written: what is missing now was passed by.
        for _ in 0..100 {
            read().await;
        }
        assert_eq!(seen, (1..=400).collect::<Vec<_>>());
    }
}
