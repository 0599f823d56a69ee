//! `check`, `verify` and `--dry-run`.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use crate::support::{DAY, Sync, start_worker, stored_in_d1, views, views_with};

#[tokio::test]
async fn check_says_what_holds_and_what_does_not() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let call =
        || Sync::new(&["check"]).database(&database).api(access, &access.worker).d1(access, &access.d1_api);
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
async fn check_without_a_database_goes_on_to_the_sink() {
    let outcome = Sync::new(&["check", "--sink", "sqlite"]).fails(2, &["checks failed"]).await;
    assert!(outcome.stdout.contains("FAIL  database: DATABASE_URL"), "{outcome:#?}");
    assert!(outcome.stdout.contains("ok    sink: SQLite file"), "{outcome:#?}");
}

#[tokio::test]
async fn verify_finds_every_difference_between_the_views_and_the_sink() {
    let database = views_with(&[DAY]).await;
    let call = Sync::run(&["--sink", "sqlite"]).database(&database);
    call.succeeds().await;
    let sqlite = call.sqlite_path().display().to_string();
    let date = DAY.to_string();
    let verify = Sync::new(&["verify", "--date", &date, "--sink", "sqlite"])
        .database(&database)
        .env("SQLITE_PATH", &sqlite);
    let outcome = verify.succeeds().await;
    assert!(outcome.summary()["message"].to_string().contains("2026-02-11 is verified"), "{outcome:#?}");

    let mut file = SqliteConnectOptions::new().filename(&sqlite).connect().await.expect("it is there");
    for (change, words) in [
        (
            "UPDATE metrics_series_points SET v = v + 1e-9 WHERE kpi = 'Vega' AND t = '2026-02-11T14:30:00.000Z'",
            "metrics_series_points (\"Vega\", \"2026-02-11T14:30:00.000Z\"): v is",
        ),
        (
            "DELETE FROM metrics_portfolio_assets WHERE trade_id = (SELECT min(trade_id) FROM metrics_portfolio_assets)",
            "not stored",
        ),
        (
            "INSERT INTO metrics_kpi_values VALUES ('2026-02-11', 'Made up', '1', 1, 'number')",
            "(\"Made up\"): stored, but not in the views",
        ),
        (
            "UPDATE metrics_daily SET overlay_json = json_remove(overlay_json, '$.seriesByKpi.Vega')",
            "overlay_json is",
        ),
        (
            "UPDATE metrics_extremes_items SET rank = 99 WHERE rank = 1 AND kpi = 'Delta' AND side = 'hi'",
            "metrics_extremes_items (\"Delta\", \"hi\", 99",
        ),
    ] {
        file.execute(sqlx::raw_sql("BEGIN")).await.expect("it is ours");
        file.execute(sqlx::raw_sql(change)).await.expect(change);
        file.execute(sqlx::raw_sql("COMMIT")).await.expect("it is ours");
        let outcome =
            verify.fails(1, &["2026-02-11 is not verified", "trades-sync run --date 2026-02-11"]).await;
        assert!(outcome.stdout.contains(words), "{words}: {}", outcome.stdout);
        call.succeeds().await;
        verify.succeeds().await;
    }
}

#[tokio::test]
async fn verify_reads_d1_in_place_of_the_api() {
    let database = views_with(&[DAY]).await;
    let worker = start_worker().await;
    let access = &worker.access;
    let date = DAY.to_string();
    let verify = || Sync::new(&["verify", "--date", &date]).database(&database).d1(access, &access.d1_api);
    verify().fails(1, &["not verified"]).await;
    Sync::run(&["--sink", "api"]).database(&database).api(access, &access.worker).succeeds().await;
    verify().succeeds().await;
    let without = Sync::new(&["verify", "--date", &date]).database(&database);
    without.fails(2, &["CLOUDFLARE_ACCOUNT_ID"]).await;
}

#[tokio::test]
async fn verify_of_a_day_that_the_views_lack_is_no_success() {
    let database = views().await;
    let call = Sync::new(&["verify", "--date", "2026-02-11", "--sink", "sqlite"]).database(&database);
    call.fails(4, &["2026-02-11"]).await;
}

#[tokio::test]
async fn a_dry_run_reads_and_stores_nothing_and_needs_no_sink() {
    let database = views_with(&[DAY]).await;
    let call = Sync::run(&["--dry-run"]).database(&database);
    let outcome = call.succeeds().await;
    let summary = outcome.summary();
    assert_eq!(
        (&summary["outcome"], &summary["rows.kpi_values"]),
        (&"dry_run".into(), &26.into()),
        "{outcome:#?}"
    );
    assert!(!call.sqlite_path().exists());
}
