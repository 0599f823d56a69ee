//! The page in a browser: nothing is cut off, however wide the window is.

use testkit::browser::cut_off;
use testkit::postgres::Database;
use trigger_core::task::Task;

use super::support::{DAY, days_up_to, report_on, task, views_of, views_with};

const NARROW: [u32; 9] = [360, 390, 430, 480, 560, 561, 700, 800, 900];
const WIDE: [u32; 5] = [1000, 1001, 1100, 1200, 1400];
/// The tables with many columns, or with names of any length, which can be scrolled.
const LONG_TABLES: [&str; 6] =
    ["Biggest movers", "Symbols", "Top winners", "Top losers", "Days", "Dropped rows and numbers"];

async fn assert_nothing_is_cut_off(database: &Database, widths: &[u32], scrolled: &[&str]) {
    let page = task("").page(&report_on(database, DAY).await).expect("it is a report");
    let faults = cut_off(&page, widths, scrolled);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn nothing_is_cut_off_at_any_width() {
    let database = views_with(&days_up_to(DAY, 4)).await;
    assert_nothing_is_cut_off(&database, &NARROW, &LONG_TABLES).await;
    assert_nothing_is_cut_off(&database, &WIDE, &["Symbols"]).await;
}

#[tokio::test]
async fn long_names_and_large_amounts_are_not_cut_off() {
    let name = "AVeryLongNameWithoutSpaces".repeat(6);
    let statements = format!(
        "INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, '{name}', '{name}'), ('2026-02-10', 1, '{name}', '{name}');
         INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '{name}', 1);
         INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, trade_id, contract_name, individual_pnl, cost_basis)
           VALUES ('2026-02-11', 'K', 'hi', 1, '{name}', -123456789012345.67, 987654321098765.43), ('2026-02-10', 'K', 'hi', 1, '{name}', 2, 10)"
    );
    let widths = [&NARROW[..], &WIDE].concat();
    assert_nothing_is_cut_off(&views_of(&statements).await, &widths, &LONG_TABLES).await;
}
