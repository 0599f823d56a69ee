//! The task's name, parameters and routes.

use serde_json::{Value, json};
use trigger_core::parameters::Parameters;
use trigger_core::task::{TaskDefinition, TaskRoute, TaskRoutes};

use super::variables::MAX_DAYS;

/// The definition of the task `portfolio-analysis`.
pub static DEFINITION: TaskDefinition = TaskDefinition {
    name: "portfolio-analysis",
    parameters,
    not_configured: "The portfolio analysis is not configured here: set SOURCE_DATABASE_URL to the Postgres with the views.",
    routes: Some(TaskRoutes {
        tag: "portfolio",
        start: TaskRoute {
            path: "/api/admin/portfolio/trigger-analysis",
            operation: "triggerAnalysis",
            summary: "Start a portfolio analysis",
        },
        status: TaskRoute {
            path: "/api/admin/portfolio/analysis-status",
            operation: "analysisStatus",
            summary: "Get a portfolio analysis",
        },
        started_message: "Portfolio analysis running in background",
    }),
};

fn parameters() -> Parameters {
    let schemas = json!({
        "date": {
            "type": ["string", "null"],
            "format": "date",
            "description": "The day to analyze; the newest day by default.",
            "example": "2026-02-10",
        },
        "days": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": MAX_DAYS,
            "description": "The trading days of the history, the analyzed day included; the configured number by default.",
            "example": 30,
        },
    });
    match schemas {
        Value::Object(schemas) => schemas,
        _ => unreachable!("the literal is an object"),
    }
}
