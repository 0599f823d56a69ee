//! Log tails, and the deletion of old runs and events.

use std::sync::Arc;

use bytes::Bytes;
use trigger_core::event::Change;
use trigger_core::log_buffers::TAIL_BYTES;
use trigger_core::log_text::{LogPart, LogSource, LogTail};
use trigger_core::run::{RunId, State};
use trigger_core::run_store::{Retention, RunFilter, RunStore};

use super::support::{both, ended, events, numbers, open, pending, running};

fn tail(text: impl Into<Bytes>, cut: bool) -> LogTail {
    LogTail { text: text.into(), cut, ..LogTail::default() }
}

fn parts(start: u64) -> Vec<LogPart> {
    let source = |pod: &str, attempt| {
        let (pod, container) = (Some(pod.to_owned()), Some("main".to_owned()));
        Some(Arc::new(LogSource { pod, container, attempt: Some(attempt) }))
    };
    vec![
        LogPart { start, source: source("a", 1), source_start: 7 },
        LogPart { start: start + 4, source: None, source_start: 0 },
        LogPart { start: start + 20, source: source("b", 2), source_start: 11 },
    ]
}

#[tokio::test]
async fn log_tails_with_any_bytes_survive_a_restart() {
    let binary: Vec<u8> = (0..TAIL_BYTES).map(|index| u8::try_from(index % 256).unwrap()).collect();
    let tails = [
        tail("one\ntwo\n", false),
        tail(binary, true),
        tail(&b"\xff\xfe\0 not UTF-8"[..], false),
        tail("", false),
        LogTail {
            start: 5_000_000_000,
            parts: parts(5_000_000_000),
            ..tail("one\n\n==> b/main <==\ntwo\n", true)
        },
    ];
    for database in both().await {
        let store = database.open().await;
        for (number, tail) in tails.iter().enumerate() {
            let run = pending(&number.to_string());
            store.save(&run).await.unwrap();
            assert_eq!(store.log(&run.id).await.unwrap(), None);
            store.save_log(&run.id, tail).await.unwrap();
        }
        store.close().await;
        let store = open(&database.url).await;
        for (number, tail) in tails.iter().enumerate() {
            let id = RunId::new(number.to_string());
            assert_eq!(store.log(&id).await.unwrap().as_ref(), Some(tail));
        }
    }
}

#[tokio::test]
async fn a_later_tail_replaces_an_earlier_one_unless_it_is_empty() {
    for database in both().await {
        let store = database.open().await;
        let run = pending("a");
        store.save(&run).await.unwrap();
        for (saved, kept) in
            [("first", "first"), ("second and longer", "second and longer"), ("", "second and longer")]
        {
            store.save_log(&run.id, &tail(saved, true)).await.unwrap();
            assert_eq!(store.log(&run.id).await.unwrap(), Some(tail(kept, true)));
        }
    }
}

#[tokio::test]
async fn saving_the_log_of_a_deleted_run_is_no_error() {
    for database in both().await {
        let store = database.open().await;
        store.save_log(&RunId::new("deleted"), &tail("text", false)).await.unwrap();
        assert_eq!(store.log(&RunId::new("deleted")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn pruning_keeps_the_newest_ended_runs_of_each_target_and_every_unfinished_one() {
    for database in both().await {
        let store = database.open().await;
        // The oldest run is still in progress.
        store.save(&running(&pending("in progress"))).await.unwrap();
        // More runs than one transaction deletes.
        for number in 0..1_100 {
            let run = ended(&format!("sync {number:04}"), "trades-sync", 10 + number);
            store.save(&run).await.unwrap();
            if number % 100 == 99 {
                store.save_log(&run.id, &tail("text", false)).await.unwrap();
            }
        }
        for number in 0..2 {
            store.save(&ended(&format!("analysis {number}"), "analysis", number)).await.unwrap();
        }
        let retention = Retention { runs: 2, events: 3, bytes: u64::MAX };
        assert_eq!(store.prune(retention).await.unwrap(), 1_098);
        let left = store.runs(&RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap().runs;
        let ids: Vec<&str> = left.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, ["sync 1099", "sync 1098", "analysis 1", "in progress", "analysis 0"]);
        assert_eq!(store.log(&RunId::new("sync 0999")).await.unwrap(), None, "its log is deleted with it");
        assert_eq!(store.log(&RunId::new("sync 1099")).await.unwrap(), Some(tail("text", false)));
        // 1103 runs were stored, and 1098 deleted.
        let last = events(&store).await;
        assert_eq!(numbers(&last), [2_199, 2_200, 2_201]);
        assert!(last.iter().all(|event| matches!(event.change, Change::Pruned)), "{last:?}");
        assert_eq!(store.event_range().await.unwrap(), Some((2_199, 2_201)));
        assert_eq!(store.prune(retention).await.unwrap(), 0);
        let counts = store.counts(&RunFilter::default()).await.unwrap().by_state;
        assert_eq!((counts[&State::Failed], counts[&State::Running]), (4, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_can_prune_at_the_same_time_while_runs_end() {
    for database in both().await {
        let replicas = [database.open().await, database.open().await];
        for number in 0..100 {
            replicas[0].save(&ended(&format!("{number:03}"), "trades-sync", number)).await.unwrap();
        }
        let retention = Retention { runs: 10, events: 10, bytes: u64::MAX };
        let writing = async {
            for number in 100..150 {
                replicas[0].save(&ended(&format!("{number:03}"), "trades-sync", number)).await.unwrap();
            }
        };
        let (one, other, ()) =
            tokio::join!(replicas[0].prune(retention), replicas[1].prune(retention), writing);
        one.unwrap();
        other.unwrap();
        replicas[1].prune(retention).await.unwrap();
        let left = replicas[0].runs(&RunFilter { limit: 100, ..RunFilter::default() }).await.unwrap().runs;
        let newest: Vec<String> = (140..150).rev().map(|number| format!("{number:03}")).collect();
        assert_eq!(left.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), newest);
    }
}
