//! `trades-sync check`: every precondition of a run, one line each.

use std::fmt::Display;

use crate::config::{Config, SinkKind};
use crate::error::SyncError;
use crate::report::Summary;
use crate::source::Source;

/// Prints a line per precondition and fails with the code of the first that does not hold.
pub(crate) async fn run(config: &Config, sink: Option<SinkKind>) -> Result<Summary, SyncError> {
    let mut checks = Checks::default();
    let today = config.today().map_err(SyncError::from);
    checks.line("report time zone", today.map(|date| format!("today is {date}")));
    source(&mut checks, config).await;
    match config.sink(sink) {
        Ok(sink) => checks.line("sink", sink.check().await.map_err(SyncError::Unread)),
        Err(error) => checks.line("sink", Err::<String, _>(error.into())),
    }
    match config.fallback(sink) {
        Ok(Some(sink)) => checks.line("fallback", sink.check().await.map_err(SyncError::Unread)),
        Ok(None) => checks.line("fallback", Ok("none")),
        Err(error) => checks.line("fallback", Err::<String, _>(error.into())),
    }
    match checks.first_failure {
        None => Ok(Summary::Checked(checks.count)),
        Some(code) => Err(SyncError::Check { failed: checks.failed, checks: checks.count, code }),
    }
}

async fn source(checks: &mut Checks, config: &Config) {
    let url = match config.database_url() {
        Ok(url) => url,
        Err(error) => return checks.line("database", Err::<String, _>(error.into())),
    };
    let mut source = match Source::connect(&url, config.views()).await {
        Ok(source) => source,
        Err(error) => return checks.line("database", Err::<String, _>(error.into())),
    };
    checks.line("database", Ok(format!("connected to {}", source.server())));
    for (view, outcome) in source.check().await {
        let found = outcome.map(|()| format!("{} has its columns and can be read", view.name));
        checks.line(view.variable, found.map_err(SyncError::from));
    }
}

#[derive(Default)]
struct Checks {
    count: usize,
    failed: usize,
    first_failure: Option<u8>,
}

impl Checks {
    #[expect(clippy::print_stdout, reason = "these lines are what the command is for")]
    fn line(&mut self, what: &str, outcome: Result<impl Display, SyncError>) {
        self.count += 1;
        match outcome {
            Ok(found) => println!("ok    {what}: {found}"),
            Err(error) => {
                println!("FAIL  {what}: {error}");
                self.failed += 1;
                self.first_failure.get_or_insert(error.exit_code());
            }
        }
    }
}
