//! The reasons that the store reports while it can't be written.

use trigger_core::run_store::RunStore;

use super::support::{open, pending, postgres, running, sqlite};

#[tokio::test]
async fn a_file_that_another_process_locks_is_reported_until_it_is_unlocked() {
    let database = sqlite();
    let store = open(&database.url).await;
    let mut other = database.connect().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    store.save(&pending("a")).await.unwrap_err();
    let reason = store.unwritable().expect("it can't be written").to_string();
    assert_eq!(reason, "the database file is locked by another process");
    sqlx::query("COMMIT").execute(&mut other).await.unwrap();
    for _ in 0..2 {
        store.check().await;
        assert_ne!(store.unwritable(), None, "a check can succeed where a save fails");
    }
    store.check().await;
    assert_eq!(store.unwritable(), None);
    store.save(&running(&pending("a"))).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_deleted_or_replaced_is_reported() {
    let database = sqlite();
    let store = open(&database.url).await;
    store.save(&pending("a")).await.unwrap();
    let path = database.url.trim_start_matches("sqlite:");
    let elsewhere = format!("{path}.elsewhere");
    std::fs::rename(path, &elsewhere).unwrap();
    let reported = Some("the history's file was deleted or replaced".to_owned());
    for replace in [false, true] {
        if replace {
            std::fs::write(path, "").unwrap();
        }
        store.check().await;
        assert_eq!(store.unwritable().map(|reason| reason.to_string()), reported);
    }
    std::fs::rename(elsewhere, path).unwrap();
    store.check().await;
    assert_eq!(store.unwritable(), None);
}

#[tokio::test]
async fn a_user_who_lost_the_right_to_save_runs_is_reported_before_a_run_is_saved() {
    let database = postgres().await;
    let store = database.open().await;
    database
        .execute(
            "CREATE ROLE counter LOGIN PASSWORD 'secret'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO counter;
             GRANT UPDATE ON run_event_counter TO counter",
        )
        .await;
    let limited = open(&database.url.replace("postgres:secret@", "counter:secret@")).await;
    limited.check().await;
    let reason = limited.unwritable().map(|reason| reason.to_string());
    database.execute("DROP OWNED BY counter; DROP ROLE counter").await;
    assert_eq!(reason.as_deref(), Some("the database user is not allowed to write"));
    store.check().await;
    assert_eq!(store.unwritable(), None);
}
