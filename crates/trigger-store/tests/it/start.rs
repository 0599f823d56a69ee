//! Opening a store, and the errors if that is impossible.

use testkit::postgres::Server;
use trigger_core::run_store::{RunFilter, RunStore};
use trigger_store::SqlStore;

use super::support::{both, events, pending, postgres, running, sqlite};

async fn open_error(url: &str) -> String {
    SqlStore::connect(&url.into()).await.expect_err(url).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_the_same_time_on_an_empty_database_all_work() {
    for database in both().await {
        let mut opening = tokio::task::JoinSet::new();
        for number in 0..6 {
            let url = database.url.clone();
            opening.spawn(async move {
                let store = SqlStore::connect(&url.into()).await.unwrap();
                store.save(&pending(&number.to_string())).await.unwrap();
            });
        }
        while let Some(opened) = opening.join_next().await {
            opened.unwrap();
        }
        assert_eq!(events(&database.open().await).await.len(), 6);
    }
}

#[tokio::test]
async fn tables_of_a_newer_version_are_rejected_and_not_changed() {
    for database in both().await {
        database.open().await.save(&pending("a")).await.unwrap();
        database.execute("INSERT INTO trigger_api_schema (version) VALUES (1000)").await;
        let text = open_error(&database.url).await;
        assert!(
            text.contains("have version 1000") && text.contains("older than the program that made them"),
            "{text}"
        );
        database.execute("DELETE FROM trigger_api_schema WHERE version = 1000").await;
        assert!(database.open().await.run(&pending("a").id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_bad_url_is_a_clear_error_that_never_shows_a_password() {
    let database = sqlite();
    let folder = database.folder().display();
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
        let text = open_error(url).await;
        assert!(text.contains(words), "{url}: {text}");
        assert!(!text.contains("hunter2"), "{url}: {text}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_sqlite_database_is_rejected_and_not_changed() {
    let database = sqlite();
    let path = database.folder().join("notes.txt");
    std::fs::write(&path, "something else").unwrap();
    let text = open_error(&format!("sqlite://{}", path.display())).await;
    assert!(text.contains("notes.txt") && text.contains("not a database"), "{text}");
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
}

#[tokio::test]
async fn a_wrong_password_is_reported_at_once_and_not_shown() {
    let url = postgres().await.url.replace("secret", "hunter2");
    let text = open_error(&url).await;
    assert!(text.contains("password authentication failed") && !text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn a_user_without_the_right_to_create_tables_can_use_existing_ones() {
    let database = postgres().await;
    database
        .execute("CREATE ROLE clerk LOGIN PASSWORD 'clerk'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let url = database.url.replace("postgres:secret@", "clerk:clerk@");
    let text = open_error(&url).await;
    assert!(text.contains("creating the tables") && text.contains("permission denied"), "{text}");
    database.open().await;
    database.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk").await;
    let store = SqlStore::connect(&url.into()).await.unwrap();
    store.save(&pending("a")).await.unwrap();
    store.save(&running(&pending("a"))).await.unwrap();
    assert_eq!(events(&store).await.len(), 2);
}

#[tokio::test]
async fn file_names_with_special_characters_are_used_literally() {
    let database = sqlite();
    let name = "100% & #1 'π'.sqlite";
    let url = format!("sqlite://{}", database.folder().join(name).display());
    SqlStore::connect(&url.into()).await.unwrap().save(&pending("a")).await.unwrap();
    assert!(database.folder().join(name).is_file());
}

#[tokio::test]
async fn a_store_is_printed_without_its_password() {
    let url = Server::shared().database().await.url;
    let store = SqlStore::connect(&url.into()).await.unwrap();
    store.runs(&RunFilter::default()).await.unwrap();
    let text = format!("{store:?}");
    assert!(text.contains("Postgres at") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn tables_of_the_first_version_are_upgraded_and_keep_their_rows() {
    for database in both().await {
        let first = match database.postgres {
            Some(_) => include_str!("../../src/schema/postgres_1_runs.sql"),
            None => include_str!("../../src/schema/sqlite_1_runs.sql"),
        };
        database.execute(first).await;
        database
            .execute(
                "CREATE TABLE trigger_api_schema (version BIGINT NOT NULL PRIMARY KEY);
                 INSERT INTO trigger_api_schema (version) VALUES (1);
                 INSERT INTO runs (id, target, namespace, job_name, triggered_by, state, created_at, saved_at, version)
                 VALUES ('a', 'trades-sync', 'trading', 'trades-sync-a', 'manual', 'pending',
                   '2026-02-11T12:00:00.000000Z', '2026-02-11T12:00:00.000000Z', 1)",
            )
            .await;
        let store = database.open().await;
        let run = store.run(&pending("a").id).await.unwrap().expect("the run still exists");
        assert_eq!(run.task, None);
        store.save(&running(&run)).await.unwrap();
        let events = events(&store).await;
        assert_eq!(
            events.iter().map(|event| event.run().unwrap().state.as_str()).collect::<Vec<_>>(),
            ["pending", "running"]
        );
    }
}
