//! SQL expressions that read a column of any type. They are NULL for values that can't be used.
//!
//! The platform does not control the types of the views' columns: a number can be numeric, float, integer or text, a day
//! can be a date, a timestamp or text. No expression fails on any value, because one bad row must not prevent reading
//! the other rows. [`crate::text`] has the same definitions for texts.

use jiff::civil::{Date, date};

use crate::ColumnKind;
use crate::text::{MAX_ID, MAX_NUMBER_LENGTH};

/// Larger absolute values round to infinity as `float8`: 2^1024 - 2^970, rounded down.
const MAX: &str = "1.79769313486231580793e308";

/// Smaller absolute values round to zero as `float8`: 2^-1075, rounded up. Postgres reports an error for them.
const MIN: &str = "2.4703282292062328e-324";

/// Texts that Postgres reads as numeric. A number with an exponent of five digits could exceed the range of numeric.
const NUMBER: &str = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?0*[0-9]{1,4})?$";
/// Texts of numbers whose exponent makes them round to zero.
const TINY: &str = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE]-0*[0-9]{5,}$";
/// Texts of zeros with any exponent.
const ZERO: &str = r"^[-+]?(0+\.?0*|\.0+)[eE][-+]?[0-9]+$";

/// A trimmed name; NULL if nothing remains. `white_space` contains the characters to trim.
pub(crate) fn name(column: &str, white_space: &str) -> String {
    format!("NULLIF({}, '') COLLATE \"C\"", trimmed(column, white_space))
}

/// White space as Unicode defines it, or as ASCII defines it if the database can't represent the other characters.
pub(crate) fn white_space(server_encoding: &str) -> &'static str {
    const ASCII: &str = " \t\n\u{b}\u{c}\r";
    const UNICODE: &str = " \t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
    if server_encoding == "UTF8" { UNICODE } else { ASCII }
}

fn trimmed(column: &str, white_space: &str) -> String {
    format!("btrim({column}::text, '{white_space}')")
}

/// A finite number as `float8`.
pub(crate) fn number(column: &str, kind: ColumnKind, white_space: &str) -> String {
    match kind {
        ColumnKind::Integer => format!("({column})::float8"),
        ColumnKind::Double => finite(column),
        ColumnKind::Single => finite(&format!("{column}::text::float8")),
        ColumnKind::Numeric => double(column),
        ColumnKind::Date | ColumnKind::Time => format!("NULL::float8 /* {column} is not a number */"),
        ColumnKind::Text => {
            let text = trimmed(column, white_space);
            format!(
                "CASE WHEN length({text}) <= {MAX_NUMBER_LENGTH} THEN CASE WHEN {text} ~ '{NUMBER}' THEN {} \
                 WHEN {text} ~ '{TINY}' OR {text} ~ '{ZERO}' THEN 0 END END",
                double(&format!("{text}::numeric"))
            )
        }
    }
}

/// A float, if it is finite. Postgres sorts NaN above all numbers, so NaN is outside the range too.
fn finite(float: &str) -> String {
    format!("CASE WHEN {float} BETWEEN -{MAX} AND {MAX} THEN {float} END")
}

/// A decimal as `float8`, if it is finite.
fn double(numeric: &str) -> String {
    format!(
        "CASE WHEN {numeric} BETWEEN -{MAX} AND {MAX} THEN \
         CASE WHEN {numeric} BETWEEN -{MIN} AND {MIN} THEN 0 ELSE ({numeric})::float8 END END"
    )
}

/// A whole number of at most 2^53, the range that readers of JSON represent exactly.
pub(crate) fn id(column: &str, kind: ColumnKind, white_space: &str) -> String {
    match kind {
        ColumnKind::Integer | ColumnKind::Double | ColumnKind::Numeric => whole(column),
        ColumnKind::Single => whole(&format!("{column}::text::float8")),
        ColumnKind::Date | ColumnKind::Time => format!("NULL::int8 /* {column} is not a number */"),
        ColumnKind::Text => {
            let text = trimmed(column, white_space);
            format!(
                "CASE WHEN length({text}) <= {MAX_NUMBER_LENGTH} THEN CASE WHEN {text} ~ '{NUMBER}' THEN {} \
                 WHEN {text} ~ '{ZERO}' THEN 0 END END",
                whole(&format!("{text}::numeric"))
            )
        }
    }
}

fn whole(number: &str) -> String {
    format!(
        "CASE WHEN {number} BETWEEN -{MAX_ID} AND {MAX_ID} THEN \
         CASE WHEN {number} = trunc({number}) THEN ({number})::int8 END END"
    )
}

/// A day as `date`: the day of a timestamp in UTC, which is the transaction's time zone, or the day at the beginning of
/// a text. NULL for texts without a day, and outside the years 1 to 9999.
pub(crate) fn day(column: &str, kind: ColumnKind, white_space: &str) -> String {
    match kind {
        ColumnKind::Date | ColumnKind::Time => {
            let all = is_between(column, kind, white_space, [date(1, 1, 1), date(9999, 12, 31)]);
            format!("CASE WHEN {all} THEN {column}::date END")
        }
        _ => {
            let text = beginning(column, white_space);
            format!(
                "CASE WHEN {text} ~ '{}' THEN CASE WHEN {} THEN {text}::date END END",
                day_pattern("$"),
                day_exists(&text)
            )
        }
    }
}

/// Whether the day is between the first and the last, in a form that can use an index on a date or a timestamp.
pub(crate) fn is_between(
    column: &str,
    kind: ColumnKind,
    white_space: &str,
    [first, last]: [Date; 2],
) -> String {
    match kind {
        ColumnKind::Date => format!("{column} BETWEEN '{first}' AND '{last}'"),
        ColumnKind::Time => format!("({column} >= '{first}' AND {column} < date '{last}' + 1)"),
        _ => format!("{} BETWEEN '{first}' AND '{last}'", beginning(column, white_space)),
    }
}

/// The first ten characters of the trimmed text, the length of a day.
fn beginning(column: &str, white_space: &str) -> String {
    format!("(substr({}, 1, 10) COLLATE \"C\")", trimmed(column, white_space))
}

/// A time as `timestamptz`. Times without a zone are in UTC, which is the transaction's time zone.
pub(crate) fn time(column: &str, kind: ColumnKind, white_space: &str) -> String {
    // The upper bound is the last timestamp that jiff can represent.
    let within = |time: &str| {
        format!("CASE WHEN {time} BETWEEN '0001-01-01' AND '9999-12-30 22:00:00.999999' THEN {time} END")
    };
    match kind {
        ColumnKind::Time => format!("({})::timestamptz", within(column)),
        ColumnKind::Date => {
            format!("CASE WHEN {column} BETWEEN '0001-01-01' AND '9999-12-30' THEN {column}::timestamptz END")
        }
        _ => {
            let text = trimmed(column, white_space);
            let clock = r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[-+](0[0-9]|1[0-5])(:?[0-5][0-9])?)?)?$";
            format!(
                "CASE WHEN {text} ~ '{}' THEN CASE WHEN {} THEN {} END END",
                day_pattern(clock),
                day_exists(&text),
                within(&format!("{text}::timestamptz"))
            )
        }
    }
}

/// A pattern for texts that begin with a day. It accepts 31 days in each month; the year is not 0.
fn day_pattern(rest: &str) -> String {
    format!(r"^(?!0000)[0-9]{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]){rest}")
}

/// Whether the month has this day, for texts that match [`day_pattern`].
fn day_exists(text: &str) -> String {
    format!(
        "substr({text}, 9, 2)::int <= extract(day FROM make_date(substr({text}, 1, 4)::int, substr({text}, 6, 2)::int, 1) + interval '1 month -1 day')"
    )
}
