//! Pages of runs that have none of their own.

use askama::Template;
use serde_json::Value;

use trigger_core::run::{Cause, Run};

/// Where a run stands. While it goes on the page looks again by itself.
#[derive(Template)]
#[template(path = "standing.html")]
struct Standing<'a> {
    run: &'a Run,
    goes_on: bool,
}

/// A result without a page of its own.
#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    run: &'a Run,
    result: String,
}

impl Standing<'_> {
    fn cause(&self) -> Option<&Cause> {
        self.run.cause.as_ref()
    }
}

/// A page that says where a run stands.
pub(super) fn standing(run: &Run) -> String {
    rendered(&Standing { run, goes_on: !run.state.is_final() })
}

/// A page with a result as it is.
pub(super) fn plain(run: &Run, result: &Value) -> String {
    rendered(&Plain { run, result: format!("{result:#}") })
}

fn rendered(page: &impl Template) -> String {
    page.render().expect("a page is written into a String")
}
