//! The day that a row belongs to.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use sqlx::{AssertSqlSafe, Row};
use trading_views::Relation;

use crate::support::{database, end, kpis, reading};

/// Values of `report_date`, and the day that each belongs to.
const DAYS: &[(&str, Option<Date>)] = &[
    ("date '2026-02-11'", Some(date(2026, 2, 11))),
    ("date '9999-12-31'", Some(date(9999, 12, 31))),
    ("date '0001-01-01'", Some(date(1, 1, 1))),
    ("date 'infinity'", None),
    ("date '0044-03-15 BC'", None),
    ("NULL::date", None),
    ("timestamp '2026-02-11 00:00'", Some(date(2026, 2, 11))),
    ("timestamp '2026-02-11 21:30'", Some(date(2026, 2, 11))),
    ("timestamp '2026-02-11 23:59:59.999999'", Some(date(2026, 2, 11))),
    ("timestamp '9999-12-31 23:59'", Some(date(9999, 12, 31))),
    ("timestamp '10000-01-01 00:00'", None),
    ("timestamp '-infinity'", None),
    ("timestamptz '2026-02-11 21:30+00'", Some(date(2026, 2, 11))),
    ("timestamptz '2026-02-11 21:30-05'", Some(date(2026, 2, 12))),
    ("timestamptz '2026-02-11 01:30+05:30'", Some(date(2026, 2, 10))),
    ("timestamptz 'infinity'", None),
    ("NULL::timestamptz", None),
    ("text '2026-02-11'", Some(date(2026, 2, 11))),
    ("text '2026-02-11T21:30:00-05:00'", Some(date(2026, 2, 11))),
    ("text '2026-02-11 21:30'", Some(date(2026, 2, 11))),
    ("text E' \\t\\u00a02026-02-11 '", Some(date(2026, 2, 11))),
    ("char(12) '2026-02-11'", Some(date(2026, 2, 11))),
    ("name '2026-02-11'", Some(date(2026, 2, 11))),
    ("'2026-02-11'::text COLLATE \"en-x-icu\"", Some(date(2026, 2, 11))),
    ("text '2026-02-30'", None),
    ("text '20260211'", None),
    ("text '2026-2-11'", None),
    ("text '11.02.2026'", None),
    ("text 'x2026-02-11'", None),
    ("text ''", None),
    ("NULL::text", None),
];

#[tokio::test]
async fn all_expressions_agree_on_the_day_that_a_row_belongs_to() {
    let database = database().await;
    for (value, expected) in DAYS {
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW IF EXISTS v; CREATE MATERIALIZED VIEW v AS SELECT {value} AS report_date"
            ))
            .await;
        let mut connection = reading(&database).await;
        let relation: Relation = kpis("v").find(&mut connection, &[]).await.expect("it is there");
        let around = expected.unwrap_or(date(2026, 2, 11));
        let before = around.saturating_sub(1.day()).max(date(1, 1, 1));
        let after = around.saturating_add(1.day());
        let mut columns = vec![format!("({})::text AS day", relation.day())];
        for (name, condition) in [
            ("its_day", relation.is_day(around)),
            ("other_day", format!("{} AND '{before}' <> '{around}'", relation.is_day(before))),
            ("next_day", format!("{} AND '{after}' <> '{around}'", relation.is_day(after))),
            ("alone", relation.is_between(around, around)),
            ("first", relation.is_between(around, after)),
            ("last", relation.is_between(date(1, 1, 1), around)),
        ] {
            columns.push(format!("coalesce({condition}, false) AS {name}"));
        }
        let sql = format!("SELECT {} FROM v", columns.join(", "));
        let row = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut connection).await;
        let row = row.unwrap_or_else(|error| panic!("{value}: {error}"));
        let day: Option<String> = row.get("day");
        assert_eq!(day, expected.map(|day| day.to_string()), "{value}");
        for name in ["its_day", "alone", "first"] {
            assert_eq!(row.get::<bool, _>(name), expected.is_some(), "{name} {value}");
        }
        assert!(row.get::<bool, _>("last") || expected.is_none(), "{value}");
        assert!(!row.get::<bool, _>("other_day") && !row.get::<bool, _>("next_day"), "{value}");
        end(&mut connection).await;
    }
}
