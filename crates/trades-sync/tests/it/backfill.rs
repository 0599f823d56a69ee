//! Ranges of days.

use jiff::civil::date;

use crate::support::{CommandOutput, SyncCommand, start_worker, stored_in_d1, stored_in_sqlite, views_with};

#[tokio::test]
async fn a_backfill_ships_every_day_that_the_views_have() {
    let (friday, monday) = (date(2026, 2, 6), date(2026, 2, 9));
    let database = views_with(&[friday, monday]).await;
    let call = SyncCommand::new(&["--from", "2026-02-06", "--to", "2026-02-09", "--sink", "sqlite"])
        .database(&database);
    let outcome = call.succeeds().await;
    let message = outcome.summary()["message"].to_string();
    assert!(
        message.contains("2026-02-06 to 2026-02-09: 2 days") && message.contains("2 days empty"),
        "{message}"
    );
    let lines: Vec<String> = outcome.log().iter().map(|line| line["message"].to_string()).collect();
    assert!(lines.iter().any(|line| line.contains("2026-02-07 has no rows in the views")), "{lines:#?}");
    for day in [friday, monday] {
        let single =
            SyncCommand::new(&["run", "--date", &day.to_string(), "--sink", "sqlite"]).database(&database);
        single.succeeds().await;
        let alone = stored_in_sqlite(&single.sqlite_path(), day).await;
        assert_eq!(stored_in_sqlite(&call.sqlite_path(), day).await, alone);
    }
}

#[tokio::test]
async fn a_backfill_without_any_day_exits_with_4() {
    let database = views_with(&[]).await;
    let call = SyncCommand::new(&["--from", "2026-02-07", "--to", "2026-02-08", "--sink", "sqlite"])
        .database(&database);
    call.fails(4, &["2026-02-07", "2026-02-08", "the stored days are unchanged"]).await;
}

#[tokio::test]
async fn a_dry_run_of_several_days_reports_that_nothing_is_stored() {
    let database = views_with(&[date(2026, 2, 6)]).await;
    let call =
        SyncCommand::new(&["--from", "2026-02-06", "--to", "2026-02-07", "--dry-run"]).database(&database);
    let message = call.succeeds().await.summary()["message"].to_string();
    assert!(
        message.contains("dry run, nothing stored for 2026-02-06 to 2026-02-07: 1 day with "),
        "{message}"
    );
}

#[tokio::test]
async fn a_rejected_day_does_not_prevent_the_others() {
    let (first, last) = (date(2026, 2, 6), date(2026, 2, 9));
    let database = views_with(&[first, last]).await;
    database
        .execute(
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT '2026-02-06', 'Delta', '2026-02-06'::timestamptz + i * interval '1 ms', i / 3.0, 'real'
               FROM generate_series(1, 40000) AS i;
             REFRESH MATERIALIZED VIEW utils_statistics.trades_kpi_series_mv",
        )
        .await;
    let worker = start_worker().await;
    let access = &worker.access;
    let call =
        SyncCommand::new(&["--from", "2026-02-06", "--to", "2026-02-09", "--sink", "d1"]).database(&database);
    call.d1(access, &access.d1_api).fails(5, &["1 of 4 days was not stored", "2026-02-06"]).await;
    let stored = stored_in_d1(access, last).await;
    assert_eq!(stored["metrics_daily"].as_array().map(Vec::len), Some(1));
    let rejected = stored_in_d1(access, first).await;
    assert_eq!(rejected["metrics_daily"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn a_terminal_displays_a_progress_bar_that_log_lines_do_not_break() {
    let database = views_with(&[date(2026, 2, 6)]).await;
    let call = SyncCommand::new(&["--from", "2026-02-06", "--to", "2026-02-07", "--sink", "sqlite"])
        .database(&database);
    let outcome = CommandOutput::of(call.env("LOG_FORMAT", "pretty").spawn_in_terminal()).await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let screen = outcome.stdout;
    assert!(screen.contains("1/2 days") && screen.contains("2/2 days"), "{screen:?}");
    let warning = screen.find(" WARN").expect("the sample day has rows that are dropped");
    let line = &screen[screen[..warning].rfind('\r').expect("a line begins")..warning];
    assert!(line.starts_with("\r\u{1b}[K"), "the bar is erased before a line: {line:?}");
}
