//! The limits of D1, checked before anything is written.

use jiff::civil::Date;

use super::SinkError;
use super::statements::{INSERT_KPI_VALUES, Statement};

/// D1's limit for a row and for a parameter, in bytes.
const MAX_BYTES: usize = 2_000_000;

/// Rejects a day that exceeds the limits.
pub(super) fn check_d1_limits(statements: &[Statement], sink: &str, date: Date) -> Result<(), SinkError> {
    let row: usize = statements[0].params.iter().map(String::len).sum();
    let kpi_values = statements.iter().filter(|statement| statement.sql == INSERT_KPI_VALUES);
    let kpi_values = kpi_values.flat_map(|statement| &statement.params).map(String::len).max().unwrap_or(0);
    let (what, fewer) = if row > MAX_BYTES {
        let fewer = "series points (about 26,000 fit) or KPIs";
        (format!("{row} bytes in metrics_daily, and the limit of D1 for a row is {MAX_BYTES}"), fewer)
    } else if kpi_values > MAX_BYTES {
        (
            format!(
                "{kpi_values} bytes for its KPI values, and the limit of D1 for a parameter is {MAX_BYTES}"
            ),
            "KPIs",
        )
    } else {
        return Ok(());
    };
    let reason =
        format!("{date} requires {what}; nothing was written; ship fewer {fewer}, or use --sink sqlite");
    Err(SinkError::rejected(sink, reason))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::domain::{KpiRow, Moment, Overlay, Snapshot};
    use crate::sink::statements::replace_day;

    /// A day with this number of KPIs, each with 24 characters including the value.
    fn day_of(kpis: usize) -> Snapshot {
        let date = date(2026, 2, 11);
        let rows = (0..kpis)
            .map(|index| KpiRow { kpi: format!("K{index:05}"), value: "0.1234567890123456".to_owned() });
        Snapshot {
            date,
            updated_at: Moment::Instant(0),
            headline: String::new(),
            summary: String::new(),
            rows: rows.collect(),
            overlay: Overlay::default(),
        }
    }

    #[test]
    fn a_day_is_rejected_if_its_row_or_its_kpi_values_exceed_the_limits_of_d1() {
        let rejected = |kpis: usize| {
            let day = day_of(kpis);
            check_d1_limits(&replace_day(&day), "D1", day.date).map_err(|error| error.to_string())
        };
        assert_eq!(rejected(30_000), Ok(()));
        let kpi_values = rejected(38_000).expect_err("the parameter is too large");
        assert!(
            kpi_values.contains("bytes for its KPI values, and the limit of D1 for a parameter is 2000000"),
            "{kpi_values}"
        );
        let row = rejected(45_000).expect_err("the row is too large");
        assert!(row.contains("bytes in metrics_daily, and the limit of D1 for a row is 2000000"), "{row}");
    }
}
