//! The portfolio analysis: what a day's positions are worth, how the risk is spread, and what changed.
//!
//! It reads the four materialized views of the trading stack, sums up in SQL, works out ratios here, and leaves a
//! [`report::Report`]. It only reads, so it may be begun again at any time.
//!
//! Reasons why it fails: `NoSuchDay` (the views have nothing for the date), `SourceUnreachable` (no connection),
//! `SourceRefused` (a view is missing, lacks columns, is not populated, or may not be read; or the user may not in),
//! `SourceFailed` (reading broke off), `InvalidParameters`, `ReportFailed`.

mod compose;
pub mod figures;
mod page;
mod parameters;
pub mod report;
mod settings;
pub mod source;

use async_trait::async_trait;
use common::config::SecretSource;
use common::postgres::Server;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::time::{Duration, timeout};
use trading_views::Views;

use self::parameters::Asked;
pub use self::settings::VARIABLES;
use self::source::Session;
use trigger_core::task::{Parameters, Task, TaskContext, TaskError};

/// The limit of all reads together. A server that stops answering would delay a run forever.
const READ_DEADLINE: Duration = Duration::from_mins(5);
/// How long connecting is repeated, if the run's own limit does not end before.
const MAX_CONNECT_PATIENCE: Duration = Duration::from_mins(5);

/// The task `portfolio-analysis`.
#[derive(Clone, Debug)]
pub struct PortfolioAnalysis {
    source: SecretSource,
    views: Views,
    time_zone: TimeZone,
    days: usize,
}

impl PortfolioAnalysis {
    /// The trading days a report looks back when nothing else is said.
    pub const DEFAULT_DAYS: usize = 30;

    /// Of the views in the Postgres database at the URL in `source`, which is read for each run. `time_zone` says which day is today, and `days`, from 1 to
    /// 366, how many trading days a report looks back when a request does not say.
    pub fn new(source: impl Into<SecretSource>, views: Views, time_zone: TimeZone, days: usize) -> Self {
        Self { source: source.into(), views, time_zone, days: days.clamp(1, 366) }
    }

    /// The SQL statements that an analysis runs after it has found the views and the days, in their order: what it
    /// takes at least, for a benchmark.
    ///
    /// # Errors
    /// As a run's.
    pub async fn statements(&self, parameters: &Parameters) -> Result<Vec<String>, TaskError> {
        let asked = self.asked(parameters)?;
        let connection = self.server()?.connect_within(MAX_CONNECT_PATIENCE).await;
        let connection = connection.map_err(|error| source::no_connection(&error))?;
        let mut session = Session::begin(connection, &self.views).await?;
        let statements = self.days_of(&mut session, asked).await.map(|days| session.plan(&days));
        session.close().await;
        statements
    }

    /// Where the views are, now: a mounted secret changes when its password is rotated.
    fn server(&self) -> Result<Server, TaskError> {
        let address = self.source.read();
        let server =
            address.and_then(|address| Server::parse("SOURCE_DATABASE_URL", &address, "portfolio-analysis"));
        server.map_err(|error| TaskError {
            reason: source::UNREACHABLE,
            message: error.to_string(),
            detail: None,
        })
    }

    fn asked(&self, parameters: &Parameters) -> Result<Asked, TaskError> {
        Asked::of(parameters, self.days).map_err(|message| TaskError {
            reason: "InvalidParameters",
            message,
            detail: None,
        })
    }

    /// The days to read: those of the window, after the day before the report's where the window has only that.
    async fn days_of(&self, session: &mut Session, asked: Asked) -> Result<Vec<Date>, TaskError> {
        let bound = asked.date.unwrap_or_else(|| trading_views::today(&self.time_zone));
        let days = session.days(Some(bound), asked.days.max(2)).await?;
        let found = days.last().is_some_and(|newest| asked.date.is_none_or(|date| date == *newest));
        if found { Ok(days) } else { Err(no_such_day(bound, session.days(None, 1).await?.last())) }
    }

    /// Connects, and reads what a report needs.
    async fn read(&self, asked: Asked, context: &TaskContext) -> Result<source::Reading, TaskError> {
        // A part of the run's time remains for reading, and for reporting why there is no connection.
        let patience =
            context.time_left().map_or(MAX_CONNECT_PATIENCE, |left| (left * 4 / 5).min(MAX_CONNECT_PATIENCE));
        let connection = source::connect(&self.server()?, patience, context).await?;
        let reading = async {
            let mut session = Session::begin(connection, &self.views).await?;
            context.progress(10, "looking for the days that the views have");
            let reading = match self.days_of(&mut session, asked).await {
                Ok(days) => session.read(days, context).await,
                Err(error) => Err(error),
            };
            session.close().await;
            reading
        };
        timeout(READ_DEADLINE, reading).await.unwrap_or_else(|_| {
            let message = format!("reading the views took longer than {} s", READ_DEADLINE.as_secs());
            Err(TaskError { reason: source::FAILED, message, detail: None })
        })
    }
}

fn no_such_day(date: Date, newest: Option<&Date>) -> TaskError {
    let newest = newest.map_or("they are empty".to_owned(), |newest| format!("their newest day is {newest}"));
    let message = format!("the views have nothing for {date} ({newest})");
    TaskError { reason: "NoSuchDay", message, detail: None }
}

#[async_trait]
impl Task for PortfolioAnalysis {
    fn name(&self) -> &'static str {
        "portfolio-analysis"
    }

    fn resumable(&self) -> bool {
        true
    }

    fn check(&self, parameters: &Parameters) -> Result<(), String> {
        Asked::of(parameters, self.days).map(drop)
    }

    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let asked = self.asked(parameters)?;
        let reading = self.read(asked, context).await?;
        context.progress(90, "working out the figures");
        let report = compose::report(reading, asked.days);
        let summary =
            format!("{}: {} positions, {} days", report.date, report.total.positions, report.window.days);
        let value = serde_json::to_value(report).map_err(|error| TaskError {
            reason: "ReportFailed",
            message: "the report can't be written as JSON".to_owned(),
            detail: Some(error.to_string()),
        })?;
        context.progress(100, summary);
        Ok(value)
    }

    fn page(&self, result: &Value) -> Option<String> {
        page::page(result)
    }
}
