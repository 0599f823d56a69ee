//! Sources that can't give a report, and requests that can't have one: what the caller is told, and what he is not.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use portfolio_analysis::PortfolioAnalysis;
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::Connection;
use testkit::postgres::Server;
use trading_views::Views;
use trigger_core::task::{Parameters, Task, TaskError};

use super::support::{DAY, failure, report, report_on, task, told, told_within, views, views_with};

/// Asserts an error's reason and words, and that it has nothing that callers must not see.
fn assert_told(error: &TaskError, reason: &str, words: &[&str]) {
    assert_eq!(error.reason, reason, "{error:?}");
    for word in words {
        assert!(error.message.contains(word), "{word:?} is not in {error:?}");
    }
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains("postgres://"), "{text}");
    for variable in ["MV_KPI_TABLE", "MV_SERIES_TABLE", "MV_EXTREMES_TABLE", "MV_PORTFOLIO_TABLE"] {
        assert!(error.message.matches(variable).count() < 2, "{variable} is named twice: {error:?}");
    }
}

#[tokio::test]
async fn views_that_can_not_be_read_are_named_with_what_to_do() {
    let cases: [(&str, &str, &[&str]); 7] = [
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
            "SourceRefused",
            &["MV_SERIES_TABLE", "no view utils_statistics.trades_kpi_series_mv", "create it"],
        ),
        ("DROP SCHEMA utils_statistics CASCADE", "SourceRefused", &["MV_KPI_TABLE", "there is no view"]),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv RENAME COLUMN symbol TO ticker",
            "SourceRefused",
            &["MV_PORTFOLIO_TABLE", "has no column symbol", "trade_id, symbol, contract_name, report_date"],
        ),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv RENAME COLUMN report_date TO day",
            "SourceRefused",
            &["MV_EXTREMES_TABLE", "has no column report_date"],
        ),
        (
            "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv WITH NO DATA",
            "SourceRefused",
            &["MV_KPI_TABLE", "REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv"],
        ),
        (
            "ALTER MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv RENAME TO base_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT * FROM utils_statistics.base_mv;
             REFRESH MATERIALIZED VIEW utils_statistics.base_mv WITH NO DATA",
            "SourceRefused",
            &["MV_SERIES_TABLE", "not been populated"],
        ),
        (
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT 'Daily PnL' AS kpi_name, now() AS ts,
               1 / (length('hunter2') - 7) AS value, date '2026-02-11' AS report_date",
            "SourceFailed",
            &["MV_SERIES_TABLE", "trades_kpi_series_mv", "the service's log"],
        ),
    ];
    for (change, reason, words) in cases {
        let database = views_with(&[DAY]).await;
        database.execute(change).await;
        assert_told(&failure(&database.url, json!({})).await, reason, words);
    }
}

#[tokio::test]
async fn the_database_s_own_words_go_into_the_detail_alone() {
    let database = views_with(&[DAY]).await;
    database
        .execute(
            "DROP MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv;
             CREATE VIEW utils_statistics.trades_kpi_series_mv AS SELECT 'Daily PnL' AS kpi_name, now() AS ts,
               1 / (date '2026-02-11' - report_date) AS value, report_date FROM utils_statistics.trades_kpi_series",
        )
        .await;
    let error = failure(&database.url, json!({})).await;
    assert!(!error.message.contains("division"), "{error:?}");
    assert!(error.detail.is_some_and(|detail| detail.contains("division by zero (22012)")));
}

#[tokio::test]
async fn a_user_without_the_right_to_a_view_is_told_which_grant_is_missing() {
    let database = views_with(&[DAY]).await;
    let role = format!("analyst_of_{}", database.name);
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")).await;
    let url = format!("postgres://{role}:hunter2@127.0.0.1:{}/{}", database.port, database.name);
    assert_told(&failure(&url, json!({})).await, "SourceRefused", &["MV_KPI_TABLE", "GRANT USAGE"]);
    database.execute(&format!("GRANT USAGE ON SCHEMA utils_statistics TO {role}")).await;
    assert_told(
        &failure(&url, json!({})).await,
        "SourceRefused",
        &["MV_KPI_TABLE", "may not read", "SELECT"],
    );
    database.execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA utils_statistics TO {role}")).await;
    assert!(told(&url, json!({})).await.0.is_ok());
    // A right to some columns, and not to those that count.
    database
        .execute(&format!(
            "REVOKE SELECT ON utils_statistics.trades_portfolio_assets_mv FROM {role};
             GRANT SELECT (report_date) ON utils_statistics.trades_portfolio_assets_mv TO {role}"
        ))
        .await;
    assert_told(&failure(&url, json!({})).await, "SourceRefused", &["MV_PORTFOLIO_TABLE", "may not read"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_ours_is_named_without_the_password() {
    let database = views().await;
    let wrong = database.url.replace("secret", "hunter2");
    let elsewhere = database.url.replace(&database.name, "elsewhere");
    for (url, reason, words) in [
        (
            "postgres://ann:hunter2@127.0.0.1:1/trades",
            "SourceUnreachable",
            ["127.0.0.1:1", "database trades"],
        ),
        (wrong.as_str(), "SourceRefused", ["does not let this user in", "password"]),
        (elsewhere.as_str(), "SourceRefused", ["no such database", "elsewhere"]),
        ("mysql://ann:hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:hunter2@host:port/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:12/hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
        ("postgres://ann:/a?b=hunter2@127.0.0.1/trades", "SourceUnreachable", ["SOURCE_DATABASE_URL"; 2]),
    ] {
        let (outcome, log) = told_within(url, json!({}), Duration::from_secs(2)).await;
        let error = outcome.expect_err("there is no source");
        assert_eq!(error.reason, reason, "{error:?}");
        assert!(words.iter().all(|word| error.message.contains(word)), "{error:?}");
        let text = format!("{error:?} {log} {:?}", task(url));
        assert!(!text.contains("hunter2") && !text.contains("ann:"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_stops_in_the_midst_fails_the_run_and_the_next_run_succeeds_elsewhere() {
    let mut server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
    let database = server.database().await;
    database.execute(sample::SCHEMA).await;
    database.execute(&sample::day(DAY)).await;
    database
        .execute(
            "DROP MATERIALIZED VIEW utils_statistics.trades_contract_extremes_by_kpi_mv;
             CREATE VIEW utils_statistics.trades_contract_extremes_by_kpi_mv AS
               SELECT * FROM utils_statistics.trades_contract_extremes WHERE pg_sleep(0.2)::text = ''",
        )
        .await;
    database.execute("REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_summary_mv; REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv; REFRESH MATERIALIZED VIEW utils_statistics.trades_portfolio_assets_mv").await;
    let url = database.url.clone();
    let running = tokio::spawn(async move { failure(&url, json!({})).await });
    let mut admin = database.connect().await;
    wait_until_reading(&mut admin).await;
    drop(admin);
    tokio::task::spawn_blocking(move || server.kill()).await.expect("it stops");
    let error = running.await.expect("it does not panic");
    assert_told(&error, "SourceFailed", &["MV_EXTREMES_TABLE", "the connection was lost"]);
    let away = told_within(&database.url, json!({}), Duration::from_secs(2)).await.0.expect_err("it is away");
    assert_told(&away, "SourceUnreachable", &["127.0.0.1"]);
}

/// Waits until the task is inside the slow view.
async fn wait_until_reading(admin: &mut sqlx::PgConnection) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let reading: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'portfolio-analysis' AND wait_event = 'PgSleep')",
        )
        .fetch_one(&mut *admin)
        .await
        .expect("the server is up");
        if reading {
            return;
        }
        assert!(Instant::now() < deadline, "the task never read the view");
        admin.ping().await.expect("the server is up");
    }
}

#[tokio::test]
async fn a_day_without_data_is_told_with_the_newest_day_there_is() {
    let database = views_with(&[DAY]).await;
    for date in ["2026-02-10", "2026-02-12", "9999-12-31", "0001-01-01"] {
        let error = failure(&database.url, json!({ "date": date })).await;
        assert_told(&error, "NoSuchDay", &[date, "newest day is 2026-02-11"]);
    }
    let empty = views().await;
    assert_told(&failure(&empty.url, json!({})).await, "NoSuchDay", &["they are empty"]);
}

#[tokio::test]
async fn without_a_date_it_is_the_newest_day_that_is_not_after_today_in_the_time_zone() {
    let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = |shift: i64| today.saturating_add(jiff::Span::new().days(shift));
    let database = views_with(&[day(-3), day(-5), day(5)]).await;
    assert_eq!(report(&database, json!({})).await["date"], day(-3).to_string());
    // 25 hours behind UTC the day before may not have begun yet, and the task must see that as the clock there does.
    let ahead = views_with(&[day(-3), day(-1)]).await;
    let behind = TimeZone::fixed(jiff::tz::offset(-25));
    let analysis =
        PortfolioAnalysis::new(SecretString::from(ahead.url.as_str()), Views::default(), behind, 30);
    let (run, book) = (trigger_core::run::RunId::new("run"), std::sync::Arc::default());
    let context = trigger_core::task::TaskContext::new(run, book);
    let report = analysis.run(&Parameters::new(), &context).await.expect("it succeeds");
    let then = jiff::Timestamp::now().to_zoned(TimeZone::fixed(jiff::tz::offset(-25))).date();
    let expected: Date = if then >= day(-1) { day(-1) } else { day(-3) };
    assert_eq!(report["date"], expected.to_string());
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused_before_anything_is_read() {
    let analysis = task("postgres://nobody@127.0.0.1:1/nowhere");
    for (parameters, word) in [
        (json!({ "date": "yesterday" }), "date must be a day"),
        (json!({ "days": 0 }), "days must be a whole number from 1 to 366"),
        (json!({ "days": 10, "symbol": "AAPL" }), "no other"),
    ] {
        let Value::Object(object) = parameters.clone() else { unreachable!("it is one") };
        let refusal = analysis.check(&object).expect_err("it is refused");
        assert!(refusal.contains(word), "{refusal}");
        let error = failure("postgres://nobody@127.0.0.1:1/nowhere", parameters).await;
        assert_eq!((error.reason, error.message), ("InvalidParameters", refusal));
    }
    assert_eq!(analysis.check(&Parameters::new()), Ok(()));
    assert_eq!((analysis.name(), analysis.resumable()), ("portfolio-analysis", true));
}

#[tokio::test]
async fn it_tells_how_far_it_is_and_leaves_no_connection_and_no_change() {
    let database = views_with(&[DAY]).await;
    let (outcome, log) = told(&database.url, json!({})).await;
    let again = report_on(&database, DAY).await;
    assert_eq!(outcome.expect("it succeeds"), again, "the same views give the same report");
    for step in ["  0% connecting to 127.0.0.1", "summing up", "100% 2026-02-11:"] {
        assert!(log.contains(step), "{step:?} is not in {log}");
    }
    let mut admin = database.connect().await;
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'portfolio-analysis' AND state <> 'idle'",
    )
    .fetch_one(&mut admin)
    .await
    .expect("the server is up");
    assert_eq!(left, 0);
}
