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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::browser::cut_off;
    use trigger_core::run::{RunId, State, Trigger};

    use super::*;

    #[test]
    fn nothing_is_cut_off_at_any_width() {
        let long = "a-name-of-many-characters-".repeat(8);
        let run = Run {
            state: State::Failed,
            cause: Some(Cause::new("Error", long.clone())),
            requested_by: Some(long.clone()),
            ..Run::pending(
                RunId::new(&*long),
                "portfolio-analysis".parse().unwrap(),
                "trading",
                long.clone(),
                Trigger::Manual,
                "2026-02-11T12:00:00Z".parse().unwrap(),
            )
        };
        let widths = [360, 560, 800, 1100, 1400];
        assert_eq!(cut_off(&state(&run), &widths, &[]), [""; 0]);
        // The result is in an element of its own, which can be scrolled.
        let faults = cut_off(&plain(&run, &json!({ "result": long.repeat(9) })), &widths, &[]);
        assert!(faults.iter().all(|fault| fault.ends_with("null has to be scrolled")), "{faults:?}");
    }
}
