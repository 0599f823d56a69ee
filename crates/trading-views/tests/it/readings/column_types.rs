//! Values of columns of each type.

use super::read;
use crate::support::database;

#[tokio::test]
async fn rust_and_sql_read_equal_values_from_columns_of_every_type() {
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
