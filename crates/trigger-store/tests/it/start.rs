//! How a store is opened, and what it says when it can't be.

use testkit::postgres::Server;
use trigger_core::ports::{RunFilter, RunStore};
use trigger_store::SqlStore;

use super::support::{both, events, pending, postgres, running, sqlite};

async fn refusal(url: &str) -> String {
    SqlStore::connect(&url.into()).await.expect_err(url).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_on_an_empty_database_all_work() {
    for place in both().await {
        let mut opening = tokio::task::JoinSet::new();
        for number in 0..6 {
            let url = place.url.clone();
            opening.spawn(async move {
                let store = SqlStore::connect(&url.into()).await.unwrap();
                store.save(&pending(&number.to_string())).await.unwrap();
            });
        }
        while let Some(opened) = opening.join_next().await {
            opened.unwrap();
        }
        assert_eq!(events(&place.open().await).await.len(), 6);
    }
}

#[tokio::test]
async fn tables_of_a_newer_version_are_refused_and_left_alone() {
    for place in both().await {
        place.open().await.save(&pending("a")).await.unwrap();
        place.execute("INSERT INTO trigger_api_schema (version) VALUES (1000)").await;
        let text = refusal(&place.url).await;
        assert!(text.contains("have version 1000") && text.contains("older than"), "{text}");
        place.execute("DELETE FROM trigger_api_schema WHERE version = 1000").await;
        assert!(place.open().await.run(&pending("a").id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_bad_url_is_a_clear_error_that_never_shows_a_password() {
    let place = sqlite();
    let folder = place.folder().display();
    let cases = [
        ("", "neither sqlite:PATH nor"),
        ("hunter2", "neither sqlite:PATH nor"),
        ("hunter2://x", "neither sqlite:PATH nor"),
        ("mysql://user:hunter2@host/db?a=b", "host=HOST user=USER dbname=DATABASE"),
        ("postgres:hunter2", "postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgres://user:hunter2@host:hunter2/db", "port"),
        ("postgres://user:5/hunter2@host/db", "%2F"),
        ("postgres://user:5?hunter2@host/db", "%3F"),
        ("postgresql://user:h@hunter2/@host/db", "%40"),
        ("sqlite:", "the path of a file"),
        ("sqlite::memory:", "the path of a file"),
        ("sqlite:/tmp/x?mode=memory", "the path of a file"),
        (&format!("sqlite:{folder}/none/runs.sqlite"), "none of the SQLite file"),
        (&format!("sqlite:{folder}"), "connecting: the SQLite file"),
    ];
    for (url, words) in cases {
        let text = refusal(url).await;
        assert!(text.contains(words), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{url}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_a_sqlite_file_is_refused_and_left_alone() {
    let place = sqlite();
    let path = place.folder().join("notes.txt");
    std::fs::write(&path, "something else").unwrap();
    let text = refusal(&format!("sqlite://{}", path.display())).await;
    assert!(text.contains("notes.txt") && text.contains("not a database"), "{text}");
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once_and_not_shown() {
    let url = postgres().await.url.replace("secret", "hunter2");
    let text = refusal(&url).await;
    assert!(text.contains("password authentication failed") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_user_who_may_not_make_tables_will_do_once_they_are_there() {
    let place = postgres().await;
    let database = place.postgres.as_ref().unwrap();
    database
        .execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let url = database.url.replace("postgres:secret@", "clerk:clerk@");
    let text = refusal(&url).await;
    assert!(text.contains("creating the tables") && text.contains("permission denied"), "{text}");
    place.open().await;
    database.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk").await;
    let store = SqlStore::connect(&url.into()).await.unwrap();
    store.save(&pending("a")).await.unwrap();
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(events(&store).await.len(), 2);
}

#[tokio::test]
async fn odd_file_names_are_taken_as_they_are() {
    let place = sqlite();
    let name = "100% & #1 'π'.sqlite";
    let url = format!("sqlite://{}", place.folder().join(name).display());
    SqlStore::connect(&url.into()).await.unwrap().save(&pending("a")).await.unwrap();
    assert!(place.folder().join(name).is_file());
}

#[tokio::test]
async fn a_store_is_printed_without_its_password() {
    let store = Server::shared().database().await.url;
    let store = SqlStore::connect(&store.into()).await.unwrap();
    store.runs(&RunFilter::default()).await.unwrap();
    let text = format!("{store:?}");
    assert!(text.contains("Postgres at") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn tables_of_the_first_version_are_brought_to_the_newest_and_keep_what_is_in_them() {
    for place in both().await {
        let first = match place.postgres {
            Some(_) => include_str!("../../src/postgres.sql"),
            None => include_str!("../../src/sqlite.sql"),
        };
        place.execute(first).await;
        place
            .execute(
                "CREATE TABLE trigger_api_schema (version BIGINT NOT NULL PRIMARY KEY);
                 INSERT INTO trigger_api_schema (version) VALUES (1);
                 INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, created_at, saved_at, version)
                 VALUES ('a', 'trades-sync', 'trading', 'trades-sync-a', 'manual', 'pending',
                   '2026-02-11T12:00:00.000000Z', '2026-02-11T12:00:00.000000Z', 1)",
            )
            .await;
        let store = place.open().await;
        let run = store.run(&pending("a").id).await.unwrap().expect("the run is still there");
        assert_eq!(run.task, None);
        store.save(&running(&run)).await.unwrap();
        let told = events(&store).await;
        assert_eq!(told.iter().map(|event| event.state.as_str()).collect::<Vec<_>>(), ["pending", "running"]);
    }
}
