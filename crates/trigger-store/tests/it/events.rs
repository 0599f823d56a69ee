//! Events can be followed and resumed without a gap.

use trigger_core::run_store::{Retention, RunStore};

use super::support::{both, events, numbers, open, pending, running};

#[tokio::test]
async fn events_can_be_read_from_any_number_and_after_a_restart() {
    for database in both().await {
        let store = database.open().await;
        assert_eq!(store.event_range().await.unwrap(), None);
        assert!(events(&store).await.is_empty());
        for number in 0..5 {
            store.save(&pending(&number.to_string())).await.unwrap();
        }
        assert_eq!(store.event_range().await.unwrap(), Some((1, 5)));
        assert_eq!(numbers(&store.events_after(2, 2).await.unwrap()), [3, 4]);
        store.close().await;
        let store = open(&database.url).await;
        assert_eq!(numbers(&store.events_after(4, 100).await.unwrap()), [5]);
        assert!(store.events_after(5, 100).await.unwrap().is_empty());
        store.save(&running(&pending("0"))).await.unwrap();
        assert_eq!(numbers(&store.events_after(5, 100).await.unwrap()), [6]);
    }
}

#[tokio::test]
async fn numbers_continue_after_all_events_were_deleted() {
    for database in both().await {
        let store = database.open().await;
        for number in 0..3 {
            store.save(&pending(&number.to_string())).await.unwrap();
        }
        store.prune(Retention { runs: 9, events: 0, bytes: u64::MAX }).await.unwrap();
        // The oldest number is the next one, so a client that has read event 3 has missed nothing.
        assert_eq!(store.event_range().await.unwrap(), Some((4, 3)));
        store.save(&pending("3")).await.unwrap();
        assert_eq!(store.event_range().await.unwrap(), Some((4, 4)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_follows_while_others_write_misses_no_event() {
    for database in both().await {
        let writers = [database.open().await, database.open().await];
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
        let reader = database.open().await;
        let mut read_numbers = Vec::new();
        let mut read = async || {
            let last = read_numbers.last().copied().unwrap_or(0);
            read_numbers.extend(numbers(&reader.events_after(last, 7).await.unwrap()));
        };
        while !writing.is_empty() {
            read().await;
            writing.try_join_next().transpose().unwrap();
        }
        // All events are written, so one that is still missing was skipped.
        for _ in 0..100 {
            read().await;
        }
        assert_eq!(read_numbers, (1..=400).collect::<Vec<_>>());
    }
}
