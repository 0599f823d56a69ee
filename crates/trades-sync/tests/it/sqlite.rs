//! The SQLite file: files of earlier versions, and a root file system without `/tmp`.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use testkit::bare_root::BareRoot;
use testkit::worker::worker_folder;

use crate::support::{DAY, SyncCommand, stored_in_sqlite, views_with};

#[tokio::test]
async fn a_file_of_an_earlier_version_keeps_its_days_and_can_store_holdings_without_a_symbol() {
    let database = views_with(&[DAY]).await;
    database.execute("UPDATE utils_statistics.trades_portfolio_assets SET symbol = NULL").await;
    database.execute(sample::REFRESH).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    let options = SqliteConnectOptions::new().filename(call.sqlite_path()).create_if_missing(true);
    let mut file = options.connect().await.expect("a new file");
    let first = std::fs::read_to_string(worker_folder().join("migrations/0001_snapshot_tables.sql"));
    file.execute(sqlx::raw_sql(AssertSqlSafe(first.expect("the file exists")))).await.expect("it is empty");
    let old_day = "INSERT INTO metrics_daily VALUES ('2026-02-10', '2026-02-10', 'Old', '', '[]', '{}');
                   INSERT INTO metrics_kpi_values VALUES ('2026-02-10', 'A', '1', 1, 'number');
                   INSERT INTO metrics_portfolio_assets VALUES ('2026-02-10', 7, 'F', 'C'), ('2026-02-10', 8, 'G', 'C')";
    file.execute(sqlx::raw_sql(old_day)).await.expect("its tables exist");
    file.close().await.expect("it can be closed");
    let old = stored_in_sqlite(&call.sqlite_path(), "2026-02-10".parse().expect("a day")).await;

    for _ in 0..2 {
        call.succeeds().await;
    }
    let stored = call.stored().await;
    let assets = stored["metrics_portfolio_assets"].as_array().expect("a table");
    assert!(assets.len() >= 50 && assets.iter().all(|asset| asset["symbol"].is_null()), "{assets:#?}");
    assert_eq!(stored_in_sqlite(&call.sqlite_path(), "2026-02-10".parse().expect("a day")).await, old);
    let mut file = SqliteConnectOptions::new().filename(call.sqlite_path()).connect().await.expect("a file");
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut file).await.expect("a number");
    assert_eq!(version, 2);
    // The recreated table still references metrics_daily with ON DELETE CASCADE.
    file.execute("DELETE FROM metrics_daily WHERE date = '2026-02-10'")
        .await
        .expect("the file can be written");
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM metrics_portfolio_assets WHERE date = '2026-02-10'")
            .fetch_one(&mut file)
            .await
            .expect("a number");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_day_is_stored_twice_in_a_root_file_system_without_a_folder_for_temporary_files() {
    let database = views_with(&[DAY]).await;
    database
        .execute(
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT '2026-02-11', 'Delta', '2026-02-11'::timestamptz + i * interval '1 ms', i / 3.0, 'real'
               FROM generate_series(1, 40000) AS i;
             REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
        )
        .await;
    let root = BareRoot::of(env!("CARGO_BIN_EXE_trades-sync").as_ref());
    for _ in 0..2 {
        let mut command = tokio::process::Command::from(root.command());
        command.args(["run", "--date", &DAY.to_string(), "--sink", "sqlite"]);
        command.env("DATABASE_URL", &database.url).env("SQLITE_PATH", "/data/trades.sqlite");
        let output = command.output().await.expect("the root can be entered");
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
    }
    let stored = stored_in_sqlite(&root.data().join("trades.sqlite"), DAY).await;
    assert!(stored["metrics_series_points"].as_array().is_some_and(|rows| rows.len() > 40_000));
}

#[tokio::test]
async fn the_day_can_be_a_setting_and_an_empty_one_is_today() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::new(&["--sink", "sqlite"]).env("SYNC_DATE", &DAY.to_string()).database(&database);
    call.succeeds().await;
    assert_eq!(call.stored().await["metrics_daily"].as_array().map(Vec::len), Some(1));
    let today = SyncCommand::new(&["--sink", "sqlite"]).env("SYNC_DATE", "").database(&database);
    assert_eq!(today.outcome().await.code, Some(4), "there is no data of today");
}
