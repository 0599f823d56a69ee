//! A summary of the stored day.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil::Date;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::print;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The maximum number of characters of a drawn series.
const WIDTH: usize = 24;

/// A KPI in the summary: name, displayed value, hi and lo items.
type KpiLine = (String, String, i64, i64);

/// Prints a line for each KPI, with its series as a sparkline, and the row count of each table.
///
/// # Errors
/// If the file can't be read.
pub(crate) async fn show(path: &Path, day: Date) -> Result<(), sqlx::Error> {
    let mut file = SqliteConnectOptions::new().filename(path).connect().await?;
    let kpis: Vec<KpiLine> = sqlx::query_as(
        "SELECT row.value ->> 'kpi', row.value ->> 'value',
           count(*) FILTER (WHERE item.side = 'hi'), count(*) FILTER (WHERE item.side = 'lo')
         FROM metrics_daily AS day, json_each(day.rows_json) AS row
           LEFT JOIN metrics_extremes_items AS item ON item.date = day.date AND item.kpi = row.value ->> 'kpi'
         WHERE day.date = ?1 GROUP BY row.key ORDER BY row.key",
    )
    .bind(day.to_string())
    .fetch_all(&mut file)
    .await?;
    let series = series(&mut file, day).await?;
    print::line(&format!(
        "{:24}{:>14}  {:WIDTH$}  {:>6}  {:>7}",
        "KPI", "value", "series", "points", "hi/lo"
    ));
    for (kpi, value, hi, lo) in kpis {
        let points = series.get(&kpi).map(Vec::as_slice).unwrap_or_default();
        let extremes = if hi + lo == 0 { String::new() } else { format!("{hi}/{lo}") };
        let drawn = sparkline(points);
        print::line(&format!("{kpi:24}{value:>14}  {drawn:WIDTH$}  {:>6}  {extremes:>7}", points.len()));
    }
    print::line("");
    for table in ["kpi_values", "series_points", "extremes_items", "portfolio_assets"] {
        let sql = format!("SELECT count(*) FROM metrics_{table} WHERE date = ?1");
        let rows: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(day.to_string()).fetch_one(&mut file).await?;
        print::line(&format!("{rows:>6} rows in metrics_{table}"));
    }
    file.close().await
}

async fn series(file: &mut SqliteConnection, day: Date) -> Result<BTreeMap<String, Vec<f64>>, sqlx::Error> {
    let points: Vec<(String, f64)> =
        sqlx::query_as("SELECT kpi, v FROM metrics_series_points WHERE date = ?1 ORDER BY kpi, t")
            .bind(day.to_string())
            .fetch_all(file)
            .await?;
    let mut series = BTreeMap::<String, Vec<f64>>::new();
    for (kpi, v) in points {
        series.entry(kpi).or_default().push(v);
    }
    Ok(series)
}

/// The series as at most [`WIDTH`] bars, scaled from its lowest to its highest value.
fn sparkline(points: &[f64]) -> String {
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shown = points.len().min(WIDTH);
    let bar = |index: usize| {
        let share = (points[index * points.len() / shown] - low) / (high - low).max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
        let level = (share * 7.0).round() as usize;
        BARS[level.min(7)]
    };
    (0..shown).map(bar).collect()
}
