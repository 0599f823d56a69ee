//! Days with missing, repeated and extreme values.

use serde_json::{Value, json};
use trigger_core::task::Task;

use super::support::{DAY, INSERT_ITEMS, dropped, item, report_on, task, views, views_of};

#[tokio::test]
async fn the_newest_row_of_a_contract_is_used_and_the_first_name_decides_ties() {
    let rows = [
        item("Delta", "hi", 1, "1, 10, 1, 1, 0, '2026-02-11 20:00+00'"),
        item("Alpha", "hi", 1, "2, 10, 1, 1, 0, NULL"),
        item("Zeta", "lo", 1, "3, 10, 1, 1, 0, '2026-02-11 20:01+00'"),
        item("Gamma", "lo", 2, "5, 10, 1, 1, 0, NULL"),
        item("Beta", "lo", 2, "6, 10, 1, 1, 0, NULL"),
        item("Beta", "hi", 2, "7, 10, 1, 1, 0, NULL"),
    ];
    let database = views_of(&format!(
        "{INSERT_ITEMS}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'B', 'C2')",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    assert_eq!(report["symbols"][0]["figures"]["pnl"], 3.0);
    assert_eq!(report["symbols"][1]["figures"]["pnl"], 7.0);
}

#[tokio::test]
async fn a_missing_number_only_affects_the_figures_that_need_it() {
    let rows = [
        item("K", "hi", 1, "10, 100, 1, 11, -1, NULL"),
        item("K", "hi", 2, "-4, NULL, 2, -3, -1, NULL"),
        item("K", "hi", 3, "'NaN', -50, NULL, NULL, NULL, NULL"),
    ];
    let holdings = "('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'A', 'C2'), ('2026-02-11', 3, 'A', ' C3 '), ('2026-02-11', 4, 'A', 'C4')";
    let database = views_of(&format!(
        "{INSERT_ITEMS}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES {holdings}",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    let total = &report["total"];
    let figures = |names: &[&str]| names.iter().map(|name| total[*name].clone()).collect::<Vec<Value>>();
    assert_eq!(
        figures(&["positions", "priced", "winners", "losers", "flat"]),
        [4, 2, 1, 1, 0].map(Value::from)
    );
    assert_eq!(
        figures(&["pnl", "cost_basis", "gross_cost_basis", "quantity"]),
        [6.0, 50.0, 150.0, 3.0].map(Value::from)
    );
    // Only the first position has both amounts.
    assert_eq!(
        figures(&["return_pct", "liquidity_drag", "liquidity_drag_pct"]),
        [10.0, -2.0, -1.0].map(Value::from)
    );
    assert_eq!(dropped(&report, "extremes", "not_finite"), 1);
    // NULL is not counted as a dropped number.
    assert_eq!(dropped(&report, "extremes", "no_value"), 0);
    assert_eq!(report["losers"][0]["return_pct"], Value::Null);
}

#[tokio::test]
async fn a_day_with_only_a_displayed_value_has_a_report_with_notes() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '—', 1)",
    )
    .await;
    let report = report_on(&database, DAY).await;
    let notes = report["notes"].to_string();
    for words in [
        "no positions for 2026-02-11",
        "no series of Daily PnL",
        "displays no amount",
        "no earlier day",
        "1 of the 30",
    ] {
        assert!(notes.contains(words), "{words:?} is not in {notes}");
    }
    assert_eq!(report["total"]["pnl"], Value::Null);
    assert_eq!(report["total"]["positions"], 0);
    assert_eq!(report["days"][0]["displayed"], "—");
    assert_eq!(report["change"], Value::Null);
}

#[tokio::test]
async fn a_series_without_signs_and_a_day_before_without_positions_have_notes() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_summary VALUES ('2026-02-11', 'Daily PnL', '-$5.00', 1), ('2026-02-10', 'Daily PnL', '—', 1);
         INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'Daily PnL', '2026-02-11 15:00+00', 5, NULL);
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C')",
    )
    .await;
    let notes = |report: &Value| report["notes"].to_string();
    let text = notes(&report_on(&database, DAY).await);
    assert!(
        text.contains("probably absolute values") && text.contains("all positions count as opened"),
        "{text}"
    );
    database
        .execute(
            "UPDATE utils_statistics.trades_kpi_series SET value = -5;
             INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-10', 2, 'A', 'C')",
        )
        .await;
    database.execute(sample::REFRESH).await;
    let text = notes(&report_on(&database, DAY).await);
    assert!(
        !text.contains("probably absolute values") && !text.contains("all positions count as opened"),
        "{text}"
    );
}

#[tokio::test]
async fn names_are_unchanged() {
    let database = views().await;
    let names = ["日本語", "it's \"quoted\" \\", "__proto__", "<script>", "{first}", "😀"];
    let rows: Vec<String> =
        (1..).zip(names).map(|(id, name)| format!("('2026-02-11', {id}, $n$ {name} $n$, 'C')")).collect();
    database
        .execute(&format!("INSERT INTO utils_statistics.trades_portfolio_assets VALUES {}", rows.join(",")))
        .await;
    database.execute(sample::REFRESH).await;
    let report = report_on(&database, DAY).await;
    let mut symbols: Vec<&str> = report["symbols"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|symbol| symbol["symbol"].as_str())
        .collect();
    let mut expected = names.to_vec();
    symbols.sort_unstable();
    expected.sort_unstable();
    assert_eq!(symbols, expected);
}

#[tokio::test]
async fn positions_without_a_symbol_form_a_group() {
    let rows = [
        item("K", "hi", 1, "10, 100, 1, 11, -1, NULL"),
        item("K", "hi", 2, "-4, 300, 2, -3, -1, NULL"),
        item("K", "lo", 3, "-6, 100, 3, -5, -1, NULL"),
    ];
    let database = views_of(&format!(
        "{INSERT_ITEMS}{}; INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'),
           ('2026-02-11', 2, NULL, 'C2'), ('2026-02-11', 3, '  ', 'C3'), ('2026-02-11', 1, NULL, 'C1'), ('2026-02-10', 2, NULL, 'C2')",
        rows.join(",")
    ))
    .await;
    let report = report_on(&database, DAY).await;
    let symbols: Vec<&Value> =
        report["symbols"].as_array().expect("a list").iter().map(|group| &group["symbol"]).collect();
    assert_eq!(symbols, [&json!("A"), &Value::Null]);
    let group = &report["symbols"][1];
    assert_eq!(group["figures"]["positions"], 2);
    assert_eq!(group["figures"]["pnl"], -10.0);
    assert_eq!(group["cost_basis_share_pct"], 80.0);
    assert_eq!((&report["total"]["positions"], &report["total"]["pnl"]), (&json!(3), &json!(0.0)));
    assert_eq!((&report["change"]["opened"], &report["change"]["held"]), (&json!(2), &json!(1)));
    assert_eq!(report["losers"][0]["symbol"], Value::Null);
    assert_eq!(dropped(&report, "portfolio", "no_name"), 0);
    assert_eq!(dropped(&report, "portfolio", "repeated"), 1, "the one with a symbol is kept");
    let page = task("").page(&report).expect("it is a report");
    assert!(page.contains(">no symbol</th>") && page.contains(", 1 symbol<"), "{page}");
}

#[tokio::test]
async fn values_at_the_limits_of_doubles_fail_no_statement_and_give_no_infinite_figure() {
    let database = views_of(
        "INSERT INTO utils_statistics.trades_kpi_series VALUES ('2026-02-11', 'Daily PnL', '2026-02-11 15:00+00', 1.7e308, NULL),
           ('2026-02-11', 'Daily PnL', '2026-02-11 15:05+00', -1.7e308, NULL), ('2026-02-11', 'Daily PnL', '2026-02-11 15:10+00', 4.9e-324, NULL);
         INSERT INTO utils_statistics.trades_portfolio_assets VALUES ('2026-02-11', 1, 'A', 'C1'), ('2026-02-11', 2, 'B', 'C2')",
    )
    .await;
    let rows = [
        item("K", "hi", 1, "1.7e308, -1.7e308, 1, 1e200, 1e-320, NULL"),
        item("K", "hi", 2, "5, 10, 2, 1e-200, 1e-300, NULL"),
    ];
    database.execute(&format!("{INSERT_ITEMS}{}", rows.join(","))).await;
    database.execute(sample::REFRESH).await;
    let report = report_on(&database, DAY).await;
    assert_eq!(report["intraday"]["figures"]["high"], 1.7e308);
    assert_eq!(report["intraday"]["figures"]["max_drawdown"], Value::Null, "it is not finite");
    assert_eq!(report["winners"][0]["pnl"], 1.7e308);
    assert_eq!(report["symbols"][1]["figures"]["pnl"], 5.0, "the sums of the other symbol are known");
    assert_eq!(
        [&report["total"]["pnl"], &report["total"]["cost_basis"], &report["total"]["mid_mark_pnl"]],
        [&Value::Null; 3]
    );
    assert_eq!(report["total"]["liquidity_drag"], 0.0);
    assert_eq!(report["total"]["winners"], 2);
    assert_eq!(report["symbol_concentration"]["pnl"]["hhi"], Value::Null);
    let page = task("").page(&report).expect("it is a report");
    assert!(page.contains("too large to plot"), "{page}");
}
