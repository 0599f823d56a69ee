//! Views that can't be read: the error is one sentence that names the variable once.

use common::config::{ConfigError, Settings};
use testkit::trading_days::views;
use trading_views::{ColumnKind, VARIABLES, ViewError, ViewProblem, Views, report_time_zone, today};

use crate::support::{database, end, kpis, reading};

/// Asserts that the message has these parts, and names its variable once.
fn assert_message(error: &ViewError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(text.matches(error.variable).count(), 1, "{text}");
}

#[tokio::test]
async fn the_default_views_are_found_with_all_their_columns() {
    let database = views().await;
    database.execute(sample::REFRESH).await;
    let mut connection = reading(&database).await;
    for view in Views::default().all() {
        let relation = view.find(&mut connection, view.columns).await.expect("it is there");
        assert_eq!(relation.name, view.name);
    }
}

#[tokio::test]
async fn the_error_of_a_view_that_can_not_be_read_names_it_and_what_to_do() {
    let database = database().await;
    database
        .execute(
            "CREATE SCHEMA s; CREATE VIEW s.narrow AS SELECT 'K' AS kpi_name, date '2026-02-11' AS report_date;
             CREATE VIEW s.numbered AS SELECT 'K' AS kpi_name, '1' AS display_value, 1 AS sort_order, 20260211 AS report_date;
             CREATE MATERIALIZED VIEW s.\"Odd name\" AS SELECT 'K' AS kpi_name, '1' AS display_value, 1 AS sort_order,
               date '2026-02-11' AS report_date WITH NO DATA",
        )
        .await;
    for (name, parts) in [
        ("s.none", &["there is no view s.none", "create it"][..]),
        ("nowhere.none", &["there is no view nowhere.none"]),
        ("s.\"open", &["there is no view s.\"open"]),
        (
            "s.narrow",
            &[
                "has no column display_value, sort_order; it needs kpi_name, display_value, sort_order, report_date",
            ],
        ),
        ("s.numbered", &["s.numbered has a report_date of type int4", "make it a date"]),
        ("s.\"Odd name\"", &["has not been populated", "REFRESH MATERIALIZED VIEW s.\"Odd name\""]),
    ] {
        let mut connection = reading(&database).await;
        let view = kpis(name);
        let error = view.find(&mut connection, view.columns).await.expect_err("it can't be read");
        assert_message(&error, parts);
        end(&mut connection).await;
    }
}

#[tokio::test]
async fn a_domain_over_domains_has_the_kind_of_its_base_type() {
    let database = database().await;
    database
        .execute(
            "CREATE DOMAIN amount AS double precision; CREATE DOMAIN price AS amount; CREATE DOMAIN bid AS price CHECK (VALUE > 0);
             CREATE DOMAIN day AS date; CREATE DOMAIN trading_day AS day; CREATE DOMAIN amounts AS amount[];
             CREATE VIEW v AS SELECT 1::amount AS a, 1::price AS p, 1::bid AS b, '{1}'::amounts AS l, 'x'::text AS t,
               '2026-02-11'::trading_day AS report_date",
        )
        .await;
    let mut connection = reading(&database).await;
    let relation = kpis("v").find(&mut connection, &["a", "p", "b", "l", "t"]).await.expect("it is there");
    assert_eq!(["a", "p", "b"].map(|column| relation.kind(column)), [ColumnKind::Double; 3]);
    assert_eq!(["l", "t"].map(|column| relation.kind(column)), [ColumnKind::Text; 2]);
    assert_eq!((relation.kind("report_date"), relation.day_type.as_str()), (ColumnKind::Date, "date"));
}

#[tokio::test]
async fn the_error_for_a_user_without_the_privilege_names_the_missing_grant() {
    let database = views().await;
    database.execute(sample::REFRESH).await;
    let role = format!("viewer_of_{}", database.name);
    database.execute(&format!("CREATE ROLE {role}")).await;
    for grant in ["", "GRANT USAGE ON SCHEMA utils_statistics TO"] {
        if !grant.is_empty() {
            database.execute(&format!("{grant} {role}")).await;
        }
        let mut connection = database.connect().await;
        sqlx::query(sqlx::AssertSqlSafe(format!("SET ROLE {role}")))
            .execute(&mut connection)
            .await
            .expect("it exists");
        trading_views::begin(&mut connection, None).await.expect("the server is up");
        let view = Views::default().series;
        let error = view.find(&mut connection, view.columns).await.expect_err("it is denied");
        assert_message(&error, &["MV_SERIES_TABLE", "may not read", "GRANT USAGE", "SELECT"]);
    }
}

#[tokio::test]
async fn the_message_does_not_contain_the_text_that_the_server_reported() {
    let database = database().await;
    database.execute("CREATE VIEW broken AS SELECT 1 / (length('hunter2') - 7) AS value").await;
    let mut connection = reading(&database).await;
    let outcome = sqlx::query("SELECT value FROM broken").persistent(false).execute(&mut connection).await;
    let error = ViewError::reading(&kpis("broken"), &outcome.expect_err("it divides by zero"));
    assert!(matches!(error.problem, ViewProblem::Unreadable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "MV_KPI_TABLE: reading broken failed: the database reported an error");
    let failure = error.failure().expect("the server reported it");
    assert_eq!((failure.detail.as_str(), failure.sqlstate.as_deref()), ("division by zero", Some("22012")));
}

#[tokio::test]
async fn unpopulated_views_timeouts_and_lost_connections_have_different_messages() {
    let database = database().await;
    database
        .execute("CREATE MATERIALIZED VIEW empty AS SELECT 1 AS a WITH NO DATA; CREATE VIEW over AS SELECT * FROM empty")
        .await;
    for (sql, part) in [
        ("SELECT * FROM over", "reads a materialized view that has not been populated"),
        ("SELECT pg_sleep(60)", "took too long and was stopped"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "the connection was lost"),
    ] {
        let mut connection = database.connect().await;
        let limit = std::time::Duration::from_millis(200);
        trading_views::begin(&mut connection, Some(limit)).await.expect("the server is up");
        let outcome = sqlx::query(sql).persistent(false).execute(&mut connection).await;
        let error = ViewError::reading(&kpis("over"), &outcome.expect_err(sql));
        assert_message(&error, &[part]);
    }
}

#[test]
fn the_settings_name_the_views_and_the_time_zone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("settings.yaml");
    let settings = |text: &str| {
        std::fs::write(&path, text).expect("the folder can be written");
        Settings::load(Some(&path), &VARIABLES).expect("they can be read")
    };
    let named = Views::from_settings(&settings("mv_series_table: other.series\nreport_timezone: Asia/Tokyo"))
        .expect("they are names");
    let wrong =
        Views::from_settings(&settings("mv_series_table: x;y")).expect_err("it is no name").to_string();
    assert!(wrong.starts_with("MV_SERIES_TABLE: \"x;y\" is not the name of a view"), "{wrong}");
    assert_eq!(named.series.name, "other.series");
    assert_eq!(named.kpis, Views::default().kpis);
    let zone = report_time_zone(&settings("report_timezone: Asia/Tokyo")).expect("it exists");
    let tokyo = today(&zone);
    let utc = today(&report_time_zone(&settings("{}")).expect("UTC exists"));
    assert!(tokyo == utc || tokyo == utc.tomorrow().expect("there is one"), "{tokyo} {utc}");
    let error = report_time_zone(&settings("report_timezone: Mars/Olympus")).expect_err("there is none");
    assert!(matches!(error, ConfigError::Variable { .. }));
    assert_eq!(
        error.to_string(),
        "REPORT_TIMEZONE: there is no time zone \"Mars/Olympus\"; use a name such as UTC or America/New_York"
    );
}
