//! The same day in every sink.

use serde_json::Value;

use crate::support::{DAY, SyncCommand, start_worker, stored_in_d1, views_with};

#[tokio::test]
async fn a_day_gives_the_same_rows_through_the_api_d1_and_sqlite() {
    let database = views_with(&[DAY]).await;
    let (api, d1) = (start_worker().await, start_worker().await);
    let sqlite = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    sqlite.succeeds().await;
    SyncCommand::run(&["--sink", "api"])
        .database(&database)
        .api(&api.access, &api.access.worker)
        .succeeds()
        .await;
    SyncCommand::run(&["--sink", "d1"])
        .database(&database)
        .d1(&d1.access, &d1.access.d1_api)
        .succeeds()
        .await;

    let expected = sqlite.stored().await;
    assert!(expected["metrics_series_points"].as_array().is_some_and(|rows| rows.len() > 2_000));
    assert_eq!(stored_in_d1(&api.access, DAY).await, expected);
    assert_eq!(stored_in_d1(&d1.access, DAY).await, expected);
}

#[tokio::test]
async fn a_day_that_exceeds_the_row_limit_of_d1_is_rejected_before_anything_is_written() {
    let database = views_with(&[]).await;
    database
        .execute(
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT '2026-02-11', 'Delta', '2026-02-11'::timestamptz + i * interval '1 ms', i / 3.0, 'real'
               FROM generate_series(1, 40000) AS i;
             REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
        )
        .await;
    let worker = start_worker().await;
    let d1 =
        SyncCommand::run(&["--sink", "d1"]).database(&database).d1(&worker.access, &worker.access.d1_api);
    d1.fails(5, &["2026-02-11", "2000000", "nothing was written", "26,000"]).await;
    let api =
        SyncCommand::run(&["--sink", "api"]).database(&database).api(&worker.access, &worker.access.worker);
    api.fails(5, &["413", "too_large"]).await;
    assert_eq!(stored_in_d1(&worker.access, DAY).await["metrics_daily"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_signed_body_is_accepted_and_one_signed_with_another_secret_is_not() {
    let database = views_with(&[DAY]).await;
    let worker =
        tokio::task::spawn_blocking(|| testkit::worker::Worker::start(&["--signing-secret", "sign-me"]));
    let worker = worker.await.expect("it starts");
    let call = |secret| {
        let call = SyncCommand::run(&["--sink", "api"])
            .database(&database)
            .api(&worker.access, &worker.access.worker);
        call.env("SIGNING_SECRET", secret)
    };
    call("sign-me").succeeds().await;
    call("another").fails(5, &["403", "SIGNING_SECRET"]).await;
}

#[tokio::test]
async fn a_stored_day_is_replaced_completely() {
    let database = views_with(&[DAY]).await;
    let call = SyncCommand::run(&["--sink", "sqlite"]).database(&database);
    call.succeeds().await;
    database
        .execute(
            "DELETE FROM utils_statistics.trades_kpi_series WHERE kpi_name <> 'Delta';
             DELETE FROM utils_statistics.trades_contract_extremes;
             DELETE FROM utils_statistics.trades_portfolio_assets;",
        )
        .await;
    database.execute(sample::REFRESH).await;
    call.succeeds().await;
    let stored = call.stored().await;
    let points = stored["metrics_series_points"].as_array().expect("an array");
    assert!(points.iter().all(|point| point["kpi"] == "Delta") && points.len() == 78, "{}", points.len());
    assert_eq!(stored["metrics_extremes_items"], Value::Array(Vec::new()));
    assert_eq!(stored["metrics_portfolio_assets"], Value::Array(Vec::new()));
}
