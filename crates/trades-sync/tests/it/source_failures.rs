//! Sources that fail: the error messages, and that the stored day is unchanged.

use std::time::{Duration, Instant};

use sqlx::Connection;
use testkit::postgres::Server;

use crate::support::{CommandOutput, DAY, SyncCommand, views, views_with};

#[tokio::test]
async fn an_empty_day_is_not_stored_and_the_stored_day_is_unchanged() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    call.succeeds().await;
    let before = call.stored().await;
    database.execute("DELETE FROM utils_statistics.trades_kpi_series; DELETE FROM utils_statistics.trades_kpi_summary; DELETE FROM utils_statistics.trades_contract_extremes; DELETE FROM utils_statistics.trades_portfolio_assets").await;
    database.execute(sample::REFRESH).await;
    call.fails(4, &["2026-02-11", "the stored day is unchanged"]).await;
    assert_eq!(call.stored().await, before);
}

#[tokio::test]
async fn a_day_of_rows_that_can_not_be_stored_is_empty() {
    let database = views().await;
    database
        .execute("INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', ' ', '1', 1)")
        .await;
    database.execute(sample::REFRESH).await;
    SyncCommand::run(&["--sink", "sqlite"]).database(&database).fails(4, &["2026-02-11"]).await;
}

#[tokio::test]
async fn the_error_of_a_view_that_can_not_be_read_names_it_and_what_to_do() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
            &["MV_SERIES_TABLE", "trades_kpi_series_mv", "create it"],
        ),
        ("DROP SCHEMA utils_statistics CASCADE", &["MV_KPI_TABLE", "there is no view"]),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv RENAME COLUMN symbol TO ticker",
            &["MV_PORTFOLIO_TABLE", "has no column symbol", "trade_id, symbol, contract_name, report_date"],
        ),
        (
            "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv WITH NO DATA",
            &["MV_KPI_TABLE", "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv"],
        ),
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT 'K' AS kpi_name, now() AS ts,
               1 / 0 AS value, 'a' AS source, date '2026-02-11' AS report_date",
            &["MV_SERIES_TABLE", "2026-02-11", "division by zero"],
        ),
    ];
    for (change, words) in cases {
        let database = views_with(&[DAY]).await;
        database.execute(change).await;
        let outcome = SyncCommand::run(&["--sink", "sqlite"]).database(&database).fails(3, words).await;
        let message = outcome.summary()["message"].to_string();
        assert_eq!(message.matches(words[0]).count(), 1, "{message}");
        let outcome = SyncCommand::new(&["check", "--sink", "sqlite"]).database(&database).outcome().await;
        for line in outcome.stdout.lines() {
            assert_eq!(line.matches("MV_").count(), usize::from(line.contains("MV_")), "{line}");
        }
    }
}

#[tokio::test]
async fn the_error_for_a_user_without_the_privilege_names_the_missing_grant() {
    let database = views_with(&[DAY]).await;
    let role = format!("reader_of_{}", database.name);
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'pw-of-reader'")).await;
    let url = format!("postgres://{role}:pw-of-reader@127.0.0.1:{}/{}", database.port, database.name);
    let call = SyncCommand::run(&["--sink", "sqlite"]).env("DATABASE_URL", &url);
    call.fails(3, &["MV_KPI_TABLE", "GRANT USAGE", "SELECT"]).await;
    database.execute(&format!("GRANT USAGE ON SCHEMA utils_statistics TO {role}")).await;
    call.fails(3, &["MV_KPI_TABLE", "may not read", "GRANT"]).await;
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA utils_statistics TO {role}")).await;
    call.succeeds().await;
}

#[tokio::test]
async fn a_server_that_stops_during_a_read_does_not_change_the_stored_day() {
    let mut server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
    let database = server.database().await;
    database.execute(sample::SCHEMA).await;
    database.execute(&sample::day(DAY)).await;
    database.execute(sample::REFRESH).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    call.succeeds().await;
    let before = call.stored().await;
    database
        .execute(
            "DROP MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
             CREATE VIEW utils_statistics.trades_contract_extremes_by_kpi_mv AS
               SELECT * FROM utils_statistics.trades_contract_extremes WHERE pg_sleep(0.2)::text = ''",
        )
        .await;
    let child = call.spawn();
    let mut admin = database.connect().await;
    wait_until_reading(&mut admin).await;
    drop(admin);
    tokio::task::spawn_blocking(move || server.kill()).await.expect("it stops");
    let outcome = CommandOutput::of(child).await;
    assert_eq!(outcome.code, Some(3), "{outcome:#?}");
    let message = outcome.summary()["message"].to_string();
    assert!(message.contains("MV_EXTREMES_TABLE") && message.contains("2026-02-11"), "{message}");
    assert_eq!(call.stored().await, before);
    let call = call.env("RETRY_BUDGET_SECONDS", "1");
    call.fails(3, &["can't connect", "127.0.0.1", "DATABASE_URL"]).await;
}

/// Waits until the program reads the slow view.
async fn wait_until_reading(admin: &mut sqlx::PgConnection) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reading: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'trades-sync' AND wait_event = 'PgSleep')",
        )
        .fetch_one(&mut *admin)
        .await
        .expect("the server is up");
        if reading {
            return;
        }
        assert!(Instant::now() < deadline, "the program does not read the view");
        admin.ping().await.expect("the server is up");
    }
}

#[tokio::test]
async fn the_error_of_a_failed_connection_names_the_server_without_the_password() {
    let database = views().await;
    let wrong = database.url.replace("secret", "hunter2");
    // The second case needs an answer of the server, so it has a larger budget.
    for (url, budget, words) in [
        ("postgres://ann:hunter2@127.0.0.1:1/trades", "1", ["127.0.0.1:1", "database trades", "user ann"]),
        (wrong.as_str(), "60", ["password authentication failed", "user postgres", "DATABASE_URL"]),
    ] {
        let call = SyncCommand::run(&["--sink", "sqlite"])
            .env("DATABASE_URL", url)
            .env("RETRY_BUDGET_SECONDS", budget);
        let outcome = call.fails(3, &words).await;
        assert!(!outcome.stderr.contains("hunter2"), "{outcome:#?}");
    }
}

#[tokio::test]
async fn the_error_of_an_invalid_address_contains_no_part_of_its_password() {
    for url in [
        "postgres://reader:12/hunter2@127.0.0.1:1/trades",
        "postgres://reader:/a?b=hunter2@127.0.0.1:1/trades",
        "postgres://reader@127.0.0.1:1/trades?sslpassword=hunter2",
        "mysql://reader:hunter2@127.0.0.1/trades",
        "postgres://reader:hunter2@host:port/trades",
    ] {
        for arguments in
            [&["run", "--date", "2026-02-11", "--sink", "sqlite"][..], &["check", "--sink", "sqlite"]]
        {
            let call = SyncCommand::new(arguments).env("DATABASE_URL", url).env("RETRY_BUDGET_SECONDS", "1");
            let message = call.file("message", b"");
            let call = call
                .env("TERMINATION_MESSAGE_PATH", &message.display().to_string())
                .env("LOG_LEVEL", "trace");
            let outcome = call.outcome().await;
            assert!(matches!(outcome.code, Some(2 | 3)), "{outcome:#?}");
            let message = std::fs::read_to_string(message).expect("the file exists");
            let text = format!("{} {} {message}", outcome.stdout, outcome.stderr);
            assert!(!text.contains("hunter2") && text.contains("DATABASE_URL"), "{url}: {outcome:#?}");
        }
    }
}
