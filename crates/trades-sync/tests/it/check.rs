//! `check` and `--dry-run`.

use crate::support::{DAY, SyncCommand, start_worker, stored_in_d1, views_with};

#[tokio::test]
async fn check_reports_each_precondition() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let call = || {
        SyncCommand::new(&["check"])
            .database(&database)
            .api(access, &access.worker)
            .d1(access, &access.d1_api)
    };
    let outcome = call().succeeds().await;
    for line in [
        "ok    report time zone",
        "ok    database: connected to 127.0.0.1",
        "ok    MV_KPI_TABLE",
        "ok    MV_SERIES_TABLE",
        "ok    MV_EXTREMES_TABLE",
        "ok    MV_PORTFOLIO_TABLE",
        "ok    sink: API",
        "ok    fallback: D1",
    ] {
        assert!(outcome.stdout.contains(line), "{line}: {outcome:#?}");
    }
    assert_eq!(outcome.stdout.lines().count(), 8, "{outcome:#?}");

    let outcome = call().env("INTERNAL_TOKEN", "wrong-token").fails(5, &["1 of 8 checks"]).await;
    assert!(
        outcome.stdout.contains("FAIL  sink: API") && outcome.stdout.contains("INTERNAL_TOKEN"),
        "{outcome:#?}"
    );
    assert!(!outcome.stdout.contains("wrong-token"), "{outcome:#?}");
    let outcome = call().env("SNAPSHOT_ENDPOINT", "/nothing/here").fails(5, &["1 of 8"]).await;
    assert!(outcome.stdout.contains("SNAPSHOT_ENDPOINT"), "{outcome:#?}");
    let outcome = call().env("D1_DATABASE_ID", "another").fails(5, &["1 of 8"]).await;
    assert!(
        outcome.stdout.contains("FAIL  fallback") && outcome.stdout.contains("D1_DATABASE_ID"),
        "{outcome:#?}"
    );

    database.execute("DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv").await;
    let outcome = call().fails(3, &["1 of 8"]).await;
    assert!(outcome.stdout.contains("FAIL  MV_SERIES_TABLE"), "{outcome:#?}");
    assert!(
        stored_in_d1(access, DAY).await["metrics_daily"].as_array().is_some_and(Vec::is_empty),
        "a check stores nothing"
    );
}

#[tokio::test]
async fn check_without_a_database_continues_with_the_sink() {
    let outcome = SyncCommand::new(&["check", "--sink", "sqlite"]).fails(2, &["checks failed"]).await;
    assert!(outcome.stdout.contains("FAIL  database: DATABASE_URL"), "{outcome:#?}");
    assert!(outcome.stdout.contains("ok    sink: SQLite file"), "{outcome:#?}");
}

#[tokio::test]
async fn a_dry_run_reads_and_stores_nothing_and_requires_no_sink() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--dry-run"]).database(&database);
    let outcome = call.succeeds().await;
    let summary = outcome.summary();
    assert_eq!(
        (&summary["outcome"], &summary["rows.kpi_values"]),
        (&"dry_run".into(), &26.into()),
        "{outcome:#?}"
    );
    assert!(!call.sqlite_path().exists());
}
