//! SQL expressions that read a column whatever its type is, and give NULL for what can't be used.
//!
//! Views are made by others: a number may be numeric, float, integer or text, a day may be a date, a timestamp or text.
//! No expression here can fail on any value, because one bad row must not cost the report.

/// What kind of values a column has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Integers, doubles, numeric.
    Number,
    /// Floats of single precision: what they mean is what Postgres shows, 0.1 and not 0.10000000149011612.
    Single,
    /// A date.
    Date,
    /// A timestamp, with or without a zone.
    Time,
    /// Texts, enums and everything else: it is read as the text that Postgres shows.
    Text,
}

impl Kind {
    /// By the type's name; a domain's is its base type's.
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "int2" | "int4" | "int8" | "float8" | "numeric" => Self::Number,
            "float4" => Self::Single,
            "date" => Self::Date,
            "timestamp" | "timestamptz" => Self::Time,
            _ => Self::Text,
        }
    }
}

/// A name without white space around it; NULL when nothing is left. `white_space` are the characters.
pub(super) fn name(column: &str, white_space: &str) -> String {
    format!("NULLIF(btrim({column}::text, '{white_space}'), '') COLLATE \"C\"")
}

/// White space as Unicode has it, or ASCII's where the database can't write the rest.
pub(super) fn white_space(server_encoding: &str) -> &'static str {
    const ASCII: &str = " \t\n\u{b}\u{c}\r";
    const UNICODE: &str = " \t\n\u{b}\u{c}\r\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";
    if server_encoding == "UTF8" { UNICODE } else { ASCII }
}

/// A number as float8; NULL for NaN, infinities, and amounts past 1e100, whose squares no float8 could hold.
/// Amounts below 1e-100 are 0 for the same reason.
pub(super) fn number(column: &str, kind: Kind) -> String {
    let number = plain_number(column, kind);
    // NaN is greater than all numbers to Postgres, so it lies outside of the range too.
    format!(
        "CASE WHEN {number} BETWEEN -1e100 AND 1e100 THEN CASE WHEN {number} BETWEEN -1e-100 AND 1e-100 THEN 0 ELSE ({number})::float8 END END"
    )
}

/// A whole number of at most 2^53, as JSON's readers can hold it; NULL for any other.
pub(super) fn id(column: &str, kind: Kind) -> String {
    let number = plain_number(column, kind);
    format!(
        "CASE WHEN {number} BETWEEN -9007199254740992 AND 9007199254740992 AND {number} = trunc({number}) THEN ({number})::int8 END"
    )
}

fn plain_number(column: &str, kind: Kind) -> String {
    match kind {
        Kind::Number => column.to_owned(),
        Kind::Single => format!("{column}::text::numeric"),
        Kind::Date | Kind::Time => format!("NULL::numeric /* {column} is no number */"),
        Kind::Text => format!(
            r"CASE WHEN length({column}::text) < 500 AND {column}::text ~ '^[ \t\r\n]*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{{1,3}})?[ \t\r\n]*$' THEN {column}::text::numeric END"
        ),
    }
}

/// A day as date; NULL for timestamps within a day, for texts that are no day, and outside of the years 1 to 9999.
pub(super) fn day(column: &str, kind: Kind) -> String {
    match kind {
        Kind::Date => format!("CASE WHEN {column} BETWEEN '0001-01-01' AND '9999-12-31' THEN {column} END"),
        Kind::Time => format!(
            "CASE WHEN {column} BETWEEN '0001-01-01' AND '9999-12-31' AND {column} = date_trunc('day', {column}) THEN {column}::date END"
        ),
        Kind::Number | Kind::Single | Kind::Text => {
            let text = format!("{column}::text");
            format!(
                "CASE WHEN {text} ~ '{}' THEN CASE WHEN {} THEN {text}::date END END",
                day_pattern("$"),
                day_exists(&text)
            )
        }
    }
}

/// A time as timestamptz; NULL for what is none. Times without a zone are UTC, which is the session's zone.
pub(super) fn moment(column: &str, kind: Kind) -> String {
    match kind {
        Kind::Date | Kind::Time => {
            format!("CASE WHEN {column} BETWEEN '0001-01-02' AND '9999-12-30' THEN {column}::timestamptz END")
        }
        Kind::Number | Kind::Single | Kind::Text => {
            let text = format!("btrim({column}::text, E' \\t\\r\\n')");
            let clock = r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[-+](0[0-9]|1[0-4])(:?[0-5][0-9])?)?)?$";
            format!(
                "CASE WHEN {text} ~ '{}' THEN CASE WHEN {} THEN {text}::timestamptz END END",
                day_pattern(clock),
                day_exists(&text)
            )
        }
    }
}

/// A text that begins with a day of a month of at most 31 days.
fn day_pattern(rest: &str) -> String {
    format!(r"^[1-9][0-9]{{3}}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]){rest}")
}

/// Whether the month is that long; for texts of [`day_pattern`].
fn day_exists(text: &str) -> String {
    format!(
        "substr({text}, 9, 2)::int <= extract(day FROM make_date(substr({text}, 1, 4)::int, substr({text}, 6, 2)::int, 1) + interval '1 month -1 day')"
    )
}

/// A timestamptz as microseconds since 1970.
pub(super) fn microseconds(moment: &str) -> String {
    format!("(extract(epoch FROM {moment}) * 1000000)::int8")
}
