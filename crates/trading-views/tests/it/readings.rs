//! Both readings of a value, Rust's of the text and SQL's of the column, agree on what counts.

use jiff::ToSpan;
use jiff::civil::{Date, date};
use sqlx::{AssertSqlSafe, Row};
use testkit::postgres::Database;
use trading_views::{Kind, Relation, text};

use crate::support::{database, end, kpis, reading};

/// A value as SQL, and what it is.
struct Read {
    sql: String,
    number: Option<f64>,
    id: Option<i64>,
    time: Option<i64>,
    name: Option<String>,
}

/// Reads one column of each value by SQL expressions and by Rust, asserts that they agree, and returns the readings.
async fn read(database: &Database, values: &[String]) -> Vec<Read> {
    let mut readings = Vec::new();
    for value in values {
        // A materialized view, so that no expression is evaluated while a statement is planned.
        database
            .execute(&format!(
                "DROP MATERIALIZED VIEW IF EXISTS v; CREATE MATERIALIZED VIEW v AS SELECT {value} AS a, date '2026-02-11' AS report_date"
            ))
            .await;
        readings.push(read_one(database, value).await);
    }
    readings
}

async fn read_one(database: &Database, value: &str) -> Read {
    let mut connection = reading(database).await;
    let relation: Relation = kpis("v").find(&mut connection, &["a"]).await.expect("it is there");
    let sql = format!(
        "SELECT {} AS number, {} AS id, {} AS time, {} AS name FROM v",
        relation.number("a"),
        relation.id("a"),
        relation.microseconds("a"),
        relation.text("a")
    );
    let row = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut connection).await;
    let row = row.unwrap_or_else(|error| panic!("{value}: {error}"));
    let read = Read {
        sql: value.to_owned(),
        number: row.get("number"),
        id: row.get("id"),
        time: row.get("time"),
        name: row.get("name"),
    };
    let shown = sqlx::raw_sql("SELECT a FROM v").fetch_one(&mut connection).await.expect("it can be read");
    let shown = shown.try_get_raw(0).expect("there is a column");
    let shown = shown.as_str().ok();
    let kind = relation.kind("a");
    let ours = shown.and_then(|text| text::number(text, kind));
    assert_eq!(read.number.map(|number| number + 0.0), ours.map(|number| number + 0.0), "number {value}");
    assert_eq!(read.id, shown.and_then(text::id), "id {value}");
    let name = shown.map(str::trim).filter(|name| !name.is_empty());
    assert_eq!(read.name.as_deref(), name, "name {value}");
    if !matches!(kind, Kind::Date | Kind::Time) {
        assert_eq!(read.time, shown.and_then(text::time), "time {value}");
    }
    end(&mut connection).await;
    read
}

/// Texts that are numbers, nearly numbers, or times.
const TEXTS: &[&str] = &[
    "0",
    "-0",
    "+7",
    "7.",
    ".5",
    "-.5e-3",
    "1e5",
    "1E+05",
    "007",
    "1e0000000005",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740992.0",
    "9007199254740992.1",
    "9.007199254740992e15",
    "9.007199254740993e15",
    "90071992547409920e-1",
    "1e308",
    "1.7976931348623157e308",
    "1.7976931348623158e308",
    "1.8e308",
    "-1e309",
    "1e400",
    "1e9999",
    "1e10000",
    "1e200000",
    "1e99999999999",
    "5e-324",
    "2.5e-324",
    "2.4e-324",
    "1e-400",
    "-1e-9999",
    "1e-10000",
    "1e-99999999999",
    "0e99999",
    "-0.0e-99999",
    "0.000e400",
    "1.5",
    "1.0000000",
    "NaN",
    "nan",
    "Infinity",
    "-inf",
    "",
    " ",
    "x",
    "1x",
    "x1",
    "0x10",
    "1_000",
    "1,000",
    "$5",
    "--1",
    "+-1",
    ".",
    "e5",
    "1e",
    "1e+",
    "1 2",
    "½",
    "१",
    " 8 ",
    "\t8\n",
    "\u{a0}8\u{2003}",
    "\u{feff}8",
    "true",
    "2026-02-11",
    "2026-02-11T09:30",
    "2026-02-11 09:30:00",
    "2026-02-11T09:30:00Z",
    "2026-02-11T09:30:00.123456789+05:30",
    "2026-02-11 09:30:00.0000005",
    "2026-02-11 09:30:00.0000015",
    "2026-02-11 09:30:59.9999996-05",
    "2024-02-29T23:59:59-0800",
    "2023-02-29",
    "2026-04-31",
    "1900-02-29",
    "2000-02-29",
    "0001-01-01",
    "0099-12-31",
    "0000-01-01",
    "9999-12-30T22:00Z",
    "9999-12-30T22:00:01Z",
    "9999-12-31",
    "0001-01-01T00:00+01",
    "2026-02-11T00:00+15:59",
    "2026-02-11T00:00+16:00",
    "2026-02-11T24:00",
    "2026-02-11T09:60",
    "2026-02-11T09:30:60",
    "2026-02-11T09:30.5",
    "2026-02-11T09:30:00.",
    "2026-02-11T09:30:00.1234567890",
    "2026-02-11Z",
    "2026-02-11T",
    "2026-02-11T09:30:00ZZ",
    "2026-02-11T09:30:00+",
    "2026-02-11T09:30:00+05:60",
    "2026-2-3",
    "2026-02-1",
    "2026-02-11x09:30",
    "20260211",
    "infinity",
    "now",
    "epoch",
    " 2026-02-11\u{a0}",
    "２０２６-02-11",
    "2026-13-01",
    "2026-00-10",
    "2026-02-00",
];

#[tokio::test]
async fn texts_are_the_same_number_id_time_and_name_to_rust_and_to_sql() {
    let database = database().await;
    let mut values: Vec<String> = TEXTS.iter().map(|text| format!("$t${text}$t$::text")).collect();
    values.extend(["9", "0"].map(|digit| format!("repeat('{digit}', 1000)")));
    values.push("repeat('0', 999) || '12'".to_owned());
    values.push("'0.' || repeat('3', 998)".to_owned());
    values.push("'1' || repeat('0', 300) || '.' || repeat('0', 600)".to_owned());
    values.push("NULL::text".to_owned());
    let readings = read(&database, &values).await;
    let of = |text: &str| readings.iter().find(|read| read.sql == format!("$t${text}$t$::text")).expect(text);
    assert_eq!(of("1.7976931348623158e308").number, Some(f64::MAX));
    assert_eq!(of("1.8e308").number, None);
    assert_eq!((of("1e-400").number, of("1e-400").id), (Some(0.0), None));
    assert_eq!((of("0e99999").number, of("0e99999").id), (Some(0.0), Some(0)));
    assert_eq!(of("9.007199254740993e15").id, None);
    assert_eq!(of("2026-02-11T09:30").time, Some(1_770_802_200_000_000));
    assert_eq!(of("\u{a0}8\u{2003}").number, Some(8.0));
}

#[tokio::test]
async fn columns_of_every_type_are_the_same_to_rust_and_to_sql() {
    let database = database().await;
    database
        .execute("CREATE DOMAIN money_amount AS numeric(12, 2); CREATE TYPE side AS ENUM ('hi', '7')")
        .await;
    let mut values = Vec::new();
    for (kind, literals) in [
        ("smallint", &["-32768", "7"][..]),
        ("integer", &["-2147483648", "7"]),
        ("bigint", &["9223372036854775807", "9007199254740992", "-9007199254740992", "9007199254740993"]),
        ("real", &["0.1", "1e38", "1e-45", "16777216", "NaN", "Infinity", "-Infinity", "-0"]),
        (
            "double precision",
            &[
                "0.1",
                "1.7976931348623157e308",
                "5e-324",
                "9007199254740992",
                "9007199254740994",
                "7.5",
                "NaN",
                "Infinity",
                "-Infinity",
                "-0",
            ],
        ),
        (
            "numeric",
            &[
                "0.1",
                "1e-400",
                "1e400",
                "1.7976931348623158e308",
                "2.4e-324",
                "9007199254740992",
                "9007199254740992.5",
                "9007199254740993",
                "7.000",
                "NaN",
                "Infinity",
            ],
        ),
        ("money_amount", &["7.00", "-0.5"]),
        ("char(12)", &["7", "2026-02-11"]),
        ("varchar(30)", &[" 7.0", "2026-02-11T09:30Z"]),
        ("name", &["7"]),
        ("side", &["hi", "7"]),
        ("oid", &["7"]),
        ("money", &["7"]),
        ("json", &["7", "\"7\"", "[7]"]),
        ("integer[]", &["{7}"]),
        ("interval", &["7"]),
        ("time", &["09:30"]),
        ("date", &["2026-02-11", "0001-01-01", "9999-12-31", "infinity", "-infinity", "0044-03-15 BC"]),
        ("timestamp", &["2026-02-11 09:30:00.5", "infinity", "0044-03-15 BC"]),
        ("timestamptz", &["2026-02-11 09:30:00.5+01", "-infinity"]),
    ] {
        values.extend(literals.iter().map(|literal| format!("'{literal}'::{kind}")));
        values.push(format!("NULL::{kind}"));
    }
    let readings = read(&database, &values).await;
    let of = |sql: &str| readings.iter().find(|read| read.sql == sql).expect(sql);
    assert_eq!(of("'0.1'::real").number, Some(0.1));
    assert_eq!(of("'1.7976931348623157e308'::double precision").number, Some(f64::MAX));
    assert_eq!(of("'NaN'::numeric").number, None);
    assert_eq!(of("'9007199254740993'::bigint").id, None);
    assert_eq!(of("'7.000'::numeric").id, Some(7));
    assert_eq!(of("'2026-02-11 09:30:00.5'::timestamp").time, Some(1_770_802_200_500_000));
    assert_eq!(of("'infinity'::date").time, None);
}

/// Values of `report_date`, and the day each belongs to.
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
async fn a_row_belongs_to_one_day_whichever_expression_asks() {
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
