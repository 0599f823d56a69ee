//! The report as a page.

use serde_json::{Value, json};
use trigger_core::task::Task;

use super::support::{DAY, days_up_to, report_on, task, views_of, views_with};

fn page(report: &Value) -> String {
    task("").page(report).expect("it is a report")
}

#[tokio::test]
async fn the_page_contains_the_figures_and_loads_no_other_resource() {
    let report = report_on(&views_with(&days_up_to(DAY, 4)).await, DAY).await;
    let page = page(&report);
    assert!(page.starts_with("<!doctype html>"));
    for word in [
        "2026-02-11",
        "Herfindahl-Hirschman",
        "Biggest movers",
        "prefers-color-scheme",
        "@media print",
        "<polyline",
        "class=\"fall\"",
    ] {
        assert!(page.contains(word), "{word:?} is not in the page");
    }
    for symbol in report["symbols"].as_array().expect("a list") {
        assert!(page.contains(&format!(">{}</th>", symbol["symbol"].as_str().expect("a name"))), "{symbol}");
    }
    for mover in report["change"]["movers"].as_array().expect("a list") {
        assert!(page.contains(mover["contract"].as_str().expect("a name")), "{mover}");
    }
    // No other resource, no script, and no number that is not finite.
    for word in [
        "http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link", "NaN", "inf<", "None",
        "Some(",
    ] {
        assert!(!page.contains(word), "{word:?} is in the page");
    }
    // Every plot has a description, and every table has a header.
    assert_eq!(page.matches("<svg").count(), page.matches("<desc").count());
    assert_eq!(page.matches("<table").count(), page.matches("<thead").count());
    assert_eq!(page.matches("<svg").count(), 4);
}

#[tokio::test]
async fn html_in_names_is_escaped() {
    let hostile = "<script>alert(1)</script>\"'&";
    let database = views_of(&format!(
        "INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, $n${hostile}$n$, $n${hostile}$n$), ('2026-02-10', 1, $n${hostile}$n$, $n${hostile}$n$);
         INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', $n${hostile}$n$, 1);
         INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, trade_id, contract_name, individual_pnl, cost_basis)
           VALUES ('2026-02-11', 'K', 'hi', 1, $n${hostile}$n$, 5, 10), ('2026-02-10', 'K', 'hi', 1, $n${hostile}$n$, 2, 10)"
    ))
    .await;
    let report = report_on(&database, DAY).await;
    assert_eq!(report["symbols"][0]["symbol"], hostile);
    let page = page(&report);
    assert!(!page.contains("<script") && !page.contains("</script"), "{page}");
    // In the tables of symbols, winners and movers, and as the displayed value in the headline and in the table of days.
    assert!(page.matches("&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;").count() >= 5, "{page}");
    assert!(page.contains("&#60;script&#62;a…"), "the plots contain it too, shortened: {page}");
}

#[tokio::test]
async fn the_page_of_a_day_without_data_has_notes() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '—', 1)",
    )
    .await;
    let page = page(&report_on(&database, DAY).await);
    assert!(
        page.contains("have no positions")
            && page.contains("No symbol is held")
            && page.contains("There are no values to plot")
    );
    assert!(!page.contains("NaN") && !page.contains("<svg"), "{page}");
}

#[tokio::test]
async fn only_reports_of_this_version_have_a_page() {
    let mut report = report_on(&views_with(&[DAY]).await, DAY).await;
    for other in [json!(null), json!({}), json!([1]), json!({ "kind": "portfolio-analysis", "version": 1 })] {
        assert_eq!(task("").page(&other), None, "{other}");
    }
    report["version"] = json!(2);
    assert_eq!(task("").page(&report), None);
}

#[tokio::test]
async fn amounts_of_every_size_are_plotted_or_described() {
    for (value, other) in
        [("1e308", "-1e308"), ("1e99", "-1e99"), ("1e-99", "0"), ("0", "0"), ("5", "5"), ("1e16", "1e16")]
    {
        let database = views_of(&format!(
            "INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C');
             INSERT INTO utils_statistics.trades_contract_extremes (report_date, kpi_name, side, trade_id, contract_name, individual_pnl, cost_basis)
               VALUES ('2026-02-11', 'K', 'hi', 1, 'C', {value}, {other});
             INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'Daily PnL', '2026-02-11 15:00+00', {value}, NULL),
               ('2026-02-11', 'Daily PnL', '2026-02-11 15:05+00', {other}, NULL), ('2026-02-11', 'Daily PnL', '2026-02-11 15:10+00', {value}, NULL)"
        ))
        .await;
        let page = page(&report_on(&database, DAY).await);
        assert!(
            !page.contains("NaN") && !page.contains("inf,") && !page.contains("\"inf"),
            "{value}, {other}: {page}"
        );
        assert!(page.len() < 60_000, "{value}: {}", page.len());
    }
}
