//! The parameters of a request, and what a run reports and leaves.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use portfolio_analysis::PortfolioAnalysis;
use secrecy::SecretString;
use serde_json::{Value, json};
use trading_views::Views;
use trigger_core::parameters::Parameters;
use trigger_core::task::Task;

use super::support::{DAY, assert_error, context, failure, report, report_on, run, task, views, views_with};

#[tokio::test]
async fn the_error_of_a_day_without_data_names_the_newest_day() {
    let database = views_with(&[DAY]).await;
    for date in ["2026-02-10", "2026-02-12", "9999-12-31", "0001-01-01"] {
        let error = failure(&database.url, json!({ "date": date })).await;
        assert_error(&error, "NoSuchDay", &[date, "newest day is 2026-02-11"]);
    }
    let empty = views().await;
    assert_error(&failure(&empty.url, json!({})).await, "NoSuchDay", &["they are empty"]);
}

#[tokio::test]
async fn the_default_date_is_the_newest_day_up_to_today_in_the_time_zone() {
    let today = jiff::Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = |shift: i64| today.saturating_add(jiff::Span::new().days(shift));
    let database = views_with(&[day(-3), day(-5), day(5)]).await;
    assert_eq!(report(&database, json!({})).await["date"], day(-3).to_string());
    // At 25 hours behind UTC, it depends on the time whether the day before has begun.
    let ahead = views_with(&[day(-3), day(-1)]).await;
    let behind = TimeZone::fixed(jiff::tz::offset(-25));
    let analysis =
        PortfolioAnalysis::new(SecretString::from(ahead.url.as_str()), Views::default(), behind, 30);
    let report = analysis.run(&Parameters::new(), &context()).await.expect("it succeeds");
    let today_there = jiff::Timestamp::now().to_zoned(TimeZone::fixed(jiff::tz::offset(-25))).date();
    let expected: Date = if today_there >= day(-1) { day(-1) } else { day(-3) };
    assert_eq!(report["date"], expected.to_string());
}

#[tokio::test]
async fn invalid_parameters_are_rejected_before_a_connection_is_opened() {
    let analysis = task("postgres://nobody@127.0.0.1:1/nowhere");
    for (parameters, words) in [
        (json!({ "date": "yesterday" }), "date must be a day"),
        (json!({ "days": 0 }), "days must be a whole number from 1 to 366"),
        (json!({ "days": 10, "symbol": "AAPL" }), "no parameter \"symbol\""),
    ] {
        let Value::Object(object) = parameters.clone() else { unreachable!("it is an object") };
        let message = analysis.check(&object).expect_err("it is invalid");
        assert!(message.contains(words), "{message}");
        let error = failure("postgres://nobody@127.0.0.1:1/nowhere", parameters).await;
        assert_eq!((error.reason, error.message), ("InvalidParameters", message));
    }
    assert_eq!(analysis.check(&Parameters::new()), Ok(()));
    assert_eq!((analysis.definition().name, analysis.resumable()), ("portfolio-analysis", true));
}

#[tokio::test]
async fn a_run_reports_its_progress_and_leaves_no_connection_and_no_change() {
    let database = views_with(&[DAY]).await;
    let (result, log) = run(&database.url, json!({})).await;
    let again = report_on(&database, DAY).await;
    assert_eq!(result.expect("it succeeds"), again, "the same views give the same report");
    for step in ["  0% connecting to 127.0.0.1", "summing up the positions", "100% 2026-02-11:"] {
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
