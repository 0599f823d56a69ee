//! `trades-sync check`: every precondition of a run, one line each.

use std::fmt::Display;

use trading_views::{ColumnKind, Relation, View};

use crate::config::{Config, SinkKind};
use crate::error::SyncError;
use crate::report::Summary;
use crate::source::SourceError;
use crate::wiring;

/// Prints a line per precondition. Fails with the exit code of the first that does not hold.
pub(crate) async fn run(config: &Config, sink: Option<SinkKind>) -> Result<Summary, SyncError> {
    let mut checks = Checks::default();
    checks.line("report time zone", Ok(format!("today is {}", config.today())));
    source(&mut checks, config).await;
    match wiring::sink(config, sink) {
        Ok(sink) => checks.line("sink", sink.check().await.map_err(SyncError::Unreadable)),
        Err(error) => checks.line("sink", Err::<String, _>(error.into())),
    }
    match wiring::fallback(config, sink) {
        Ok(Some(sink)) => checks.line("fallback", sink.check().await.map_err(SyncError::Unreadable)),
        Ok(None) => checks.line("fallback", Ok("none")),
        Err(error) => checks.line("fallback", Err::<String, _>(error.into())),
    }
    match checks.first_failure {
        None => Ok(Summary::Checked(checks.count)),
        Some(code) => Err(SyncError::Check { failed: checks.failed, checks: checks.count, code }),
    }
}

async fn source(checks: &mut Checks, config: &Config) {
    let mut source = match wiring::source(config).await {
        Ok(source) => source,
        Err(error) => return checks.line("database", Err::<String, _>(error)),
    };
    checks.line("database", Ok(format!("connected to {}", source.server())));
    match source.check().await {
        Ok(outcomes) => outcomes.into_iter().for_each(|(view, outcome)| checks.view(&view, outcome)),
        Err(error) => checks.line("views", Err::<String, _>(error.into())),
    }
}

#[derive(Default)]
struct Checks {
    count: usize,
    failed: usize,
    first_failure: Option<u8>,
}

impl Checks {
    fn line(&mut self, what: &str, outcome: Result<impl Display, SyncError>) {
        match outcome {
            Ok(found) => self.print("ok    ", &format!("{what}: {found}"), None),
            Err(error) => self.print("FAIL  ", &format!("{what}: {error}"), Some(error.exit_code())),
        }
    }

    /// The line of a view begins with its variable. An error's message already contains the variable.
    fn view(&mut self, view: &View, outcome: Result<Relation, SourceError>) {
        match outcome.map_err(SyncError::from) {
            Ok(relation) => {
                let found = format!("{}: {} has its columns and can be read", view.variable, view.name);
                let day = match relation.kind("report_date") {
                    ColumnKind::Date => String::new(),
                    _ => format!("; its report_date is of type {}, not date", relation.day_type),
                };
                self.print("ok    ", &format!("{found}{day}"), None);
            }
            Err(error) => self.print("FAIL  ", &error.to_string(), Some(error.exit_code())),
        }
    }

    #[expect(clippy::print_stdout, reason = "these lines are the output of the command")]
    fn print(&mut self, verdict: &str, line: &str, failure: Option<u8>) {
        println!("{verdict}{line}");
        self.count += 1;
        if let Some(exit_code) = failure {
            self.failed += 1;
            self.first_failure.get_or_insert(exit_code);
        }
    }
}
