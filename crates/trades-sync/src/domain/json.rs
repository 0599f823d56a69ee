//! The contract's JSON. The bytes are equal to those that the Worker's `JSON.stringify` writes.

use std::io;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::ser::{Formatter, Serializer as JsonSerializer};

use super::{KpiRow, Overlay, Snapshot};

/// The value of the contract's `source` field for this program.
const SOURCE: &str = "gke-trades-sync";

/// The request body of `POST /v1/internal/trades/snapshot`.
pub fn body_json(snapshot: &Snapshot) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        date: String,
        updated_at: &'a super::Moment,
        headline: &'a str,
        summary: &'a str,
        rows: &'a [KpiRow],
        overlay: &'a Overlay,
        source: &'static str,
    }
    to_json(&Body {
        date: snapshot.date.to_string(),
        updated_at: &snapshot.updated_at,
        headline: &snapshot.headline,
        summary: &snapshot.summary,
        rows: &snapshot.rows,
        overlay: &snapshot.overlay,
        source: SOURCE,
    })
}

/// The `rows_json` column: the KPIs of the day.
pub fn rows_json(snapshot: &Snapshot) -> String {
    text(to_json(&snapshot.rows))
}

/// The `overlay_json` column: series, extremes and holdings of the day.
pub fn overlay_json(snapshot: &Snapshot) -> String {
    text(to_json(&snapshot.overlay))
}

/// A value as compact JSON. Numbers are formatted as ECMAScript formats them.
///
/// # Panics
/// If a map has keys that are not strings. No type of this crate has such a map.
pub fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut json = Vec::new();
    value
        .serialize(&mut JsonSerializer::with_formatter(&mut json, EcmaNumbers))
        .expect("all keys are strings, and writing to a Vec does not fail");
    json
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).expect("JSON is UTF-8")
}

impl Serialize for Overlay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ByKpi<'a> {
            by_kpi: &'a indexmap::IndexMap<String, super::HiLo>,
        }
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("seriesByKpi", &self.series)?;
        map.serialize_entry("extremes", &ByKpi { by_kpi: &self.extremes })?;
        map.serialize_entry("portfolioAssets", &self.assets)?;
        map.end()
    }
}

/// Compact JSON with doubles formatted by `Number::toString` of ECMA-262: `110`, not `110.0`.
struct EcmaNumbers;

impl Formatter for EcmaNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_are_formatted_as_javascript_formats_them() {
        let cases = [
            (110.0, "110"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1.5e-7, "1.5e-7"),
            (129.579_812_129_505_29, "129.57981212950529"),
        ];
        for (number, expected) in cases {
            assert_eq!(text(to_json(&number)), expected);
        }
        assert_eq!(text(to_json(&"\u{7f}\u{1}\n\"\\é—\u{2028}/")), "\"\u{7f}\\u0001\\n\\\"\\\\é—\u{2028}/\"");
    }
}
