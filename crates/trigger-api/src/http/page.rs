//! The pages of runs whose tasks have none.

use askama::Template;
use serde_json::Value;
use trigger_core::run::{Cause, Run};

/// The state of a run. The page reloads itself until the run has ended.
#[derive(Template)]
#[template(path = "state.html")]
struct StatePage<'a> {
    run: &'a Run,
    in_progress: bool,
}

/// A result as JSON.
#[derive(Template)]
#[template(path = "plain.html")]
struct PlainPage<'a> {
    run: &'a Run,
    result: String,
}

impl StatePage<'_> {
    fn cause(&self) -> Option<&Cause> {
        self.run.cause.as_ref()
    }
}

/// The page of a run's state.
pub(super) fn state(run: &Run) -> String {
    rendered(&StatePage { run, in_progress: !run.state.is_final() })
}

/// The page of a result, as JSON.
pub(super) fn plain(run: &Run, result: &Value) -> String {
    rendered(&PlainPage { run, result: format!("{result:#}") })
}

fn rendered(page: &impl Template) -> String {
    page.render().expect("writing to a String never fails")
}
