//! A program that is killed loses nothing that it acknowledged.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use trigger_core::run::RunId;
use trigger_core::run_store::{RunFilter, RunStore};

use super::support::{both, events, numbers, open, pending, running};

/// Not a test but the program that the next test kills. It reads a URL and prints the id of each run that it has saved.
#[tokio::test]
#[ignore = "another test starts it"]
async fn writes_until_it_is_killed() {
    let mut url = String::new();
    std::io::stdin().read_line(&mut url).unwrap();
    if url.is_empty() {
        return;
    }
    let store = open(url.trim()).await;
    for number in 0.. {
        let run = pending(&format!("{number:06}"));
        store.save(&run).await.unwrap();
        store.save(&running(&run)).await.unwrap();
        println!("saved {}", run.id);
    }
}

#[tokio::test]
async fn a_killed_program_loses_nothing_that_it_acknowledged_and_leaves_no_partial_change() {
    for database in both().await {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "crash::writes_until_it_is_killed"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(format!("{}\n", database.url).as_bytes()).await.unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut saved = Vec::new();
        while saved.len() < 100 {
            let line = lines.next_line().await.unwrap().expect("it runs until it is killed");
            saved.extend(line.split_once("saved ").map(|(_, id)| id.to_owned()));
        }
        child.kill().await.unwrap();

        let store = database.open().await;
        for id in saved {
            let run = running(&pending(&id));
            assert_eq!(store.run(&RunId::new(id)).await.unwrap(), Some(run));
        }
        // Each stored run has its events, and each event has its run.
        let runs = store.runs(&RunFilter { limit: u16::MAX, ..RunFilter::default() }).await.unwrap().runs;
        let events = events(&store).await;
        assert_eq!(numbers(&events), (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
        for run in &runs {
            let last = events.iter().rfind(|event| event.run_id == run.id).unwrap();
            assert_eq!(**last.run().unwrap(), *run);
        }
        assert!(events.iter().all(|event| runs.iter().any(|run| run.id == event.run_id)));
    }
}
