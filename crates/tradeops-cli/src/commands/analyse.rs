//! `analyse`.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Context;
use super::following::{report_end, until_end};
use crate::api::documents::Run;
use crate::api::{Api, escaped, idempotency_key, parsed};
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::output::note;
use crate::output::table::Table;

const START: &str = "/api/admin/portfolio/trigger-analysis";
const STATUS: &str = "/api/admin/portfolio/analysis-status";

/// Analyzes the portfolio of a day, and prints the totals.
///
/// # Errors
/// When the analysis can't be started, or its result can't be read.
pub async fn analyse(
    context: &Context,
    date: Option<&str>,
    days: Option<u32>,
    limit: Option<Duration>,
) -> Result<Outcome, Failure> {
    let mut body = Map::new();
    body.extend(date.map(|date| ("date".to_owned(), date.into())));
    body.extend(days.map(|days| ("days".to_owned(), days.into())));
    let api = Api::connect(&context.config).await?;
    let started = api.request(Method::POST, START, Some(&json!(body)), Some(&idempotency_key())).await?;
    let started = started.map_err(|refusal| match refusal.kind() {
        "unknown-route" | "unknown-target" => Failure::new(
            Outcome::Rejected,
            "trigger-api has no portfolio analysis, because SOURCE_DATABASE_URL is not set",
        )
        .with_next(
            "set triggerApi.sourceDatabase of the chart; docs/OPERATIONS.md, \"The portfolio analysis\"",
        ),
        _ => refusal.into_failure(&api.hints),
    })?;
    let id = escaped(started["run_id"].as_str().unwrap_or_default());
    let document = api.get(&format!("/v1/runs/{id}")).await?;
    note(&format!("started {id}"));
    let document = until_end(&api, document, limit).await?;
    let run: Run = parsed(&document)?;
    let outcome = report_end(&api, &run);
    let status = api.get(&format!("{STATUS}/{id}")).await?;
    context.format.print(&status, || vec![run.run_id.clone()], || report(&status["result"], &id))?;
    Ok(outcome)
}

/// The day, and the figures of all positions; empty without a result.
fn report(result: &Value, id: &str) -> String {
    let Some(total) = result["total"].as_object() else { return String::new() };
    let mut table = Table::without_headings();
    for (name, value) in total {
        if !value.is_object() && !value.is_array() {
            table.row([name.as_str(), &figure(name, value)]);
        }
    }
    let window = &result["window"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let notes =
        result["notes"].as_array().into_iter().flatten().map(|note| format!("note: {}\n", text(note)));
    let notes: String = notes.collect();
    format!(
        "the portfolio of {}, with {} days from {}\n\n{table}{notes}\nthe whole report: GET /v1/runs/{id}/result\n",
        text(&result["date"]),
        window["days"],
        text(&window["first"]),
    )
}

/// Numbers have two decimals: more are an effect of the computation.
fn figure(name: &str, value: &Value) -> String {
    let unit = if name.ends_with("_pct") { " %" } else { "" };
    match value.as_f64() {
        None => String::new(),
        Some(_) if value.is_u64() || value.is_i64() => format!("{value}{unit}"),
        Some(number) => format!("{number:.2}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_totals_have_their_day_two_decimals_and_the_route_of_the_whole_report() {
        let total = json!({ "positions": 12, "pnl": 1_748.659_999_999_999_6, "return_pct": -0.5, "quantity": null,
            "pnl_concentration": {} });
        let window = json!({ "first": "2026-01-02", "last": "2026-02-11", "days": 30 });
        let result = json!({ "date": "2026-02-11", "window": window, "notes": ["a note"], "total": total });
        assert_eq!(
            report(&result, "run_1"),
            "the portfolio of 2026-02-11, with 30 days from 2026-01-02\n\npositions   12\npnl         1748.66\n\
             return_pct  -0.50 %\nquantity    -\nnote: a note\n\nthe whole report: GET /v1/runs/run_1/result\n"
        );
        assert_eq!(report(&Value::Null, "run_1"), "");
    }
}
