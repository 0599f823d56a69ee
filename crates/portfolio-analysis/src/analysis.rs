//! The task: connects to the source, reads it, and returns the report.

use async_trait::async_trait;
use common::config::SecretSource;
use common::postgres::Server;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;
use tokio::time::{Duration, timeout};
use trading_views::Views;
use trigger_core::parameters::Parameters;
use trigger_core::task::{Task, TaskDefinition, TaskError};
use trigger_core::task_context::TaskContext;

use super::definition::DEFINITION;
use super::parameters::AnalysisRequest;
use super::plural::counted;
use super::source::{self, Session, SourceRows};
use super::variables::MAX_DAYS;
use super::{compose, page};

/// The time limit of all statements together. Without it, a server that stops answering would block a run forever.
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// The maximum time for which connecting is retried.
const MAX_CONNECT_BUDGET: Duration = Duration::from_mins(5);

/// The task `portfolio-analysis`.
#[derive(Clone, Debug)]
pub struct PortfolioAnalysis {
    source: SecretSource,
    views: Views,
    time_zone: TimeZone,
    days: usize,
}

impl PortfolioAnalysis {
    /// An analysis of the views in a Postgres database. `source` contains its URL and is read again for each run;
    /// `time_zone` defines which day is today; `days`, from 1 to [`MAX_DAYS`], is the number of trading days that a
    /// report covers if the request does not set it.
    pub fn new(source: impl Into<SecretSource>, views: Views, time_zone: TimeZone, days: usize) -> Self {
        Self { source: source.into(), views, time_zone, days: days.clamp(1, MAX_DAYS) }
    }

    /// The SQL statements that a run executes after it has found the views and the days, in order. A benchmark
    /// executes them by themselves.
    ///
    /// # Errors
    /// The same as those of a run.
    pub async fn statements(&self, parameters: &Parameters) -> Result<Vec<String>, TaskError> {
        let request = self.request(parameters)?;
        let connection = self.server()?.connect_within(MAX_CONNECT_BUDGET).await;
        let connection = connection.map_err(|error| source::no_connection(&error))?;
        let mut session = Session::begin(connection, &self.views).await?;
        let statements = self.days(&mut session, request).await.map(|days| session.statements(&days));
        session.close().await;
        statements
    }

    /// The server. A mounted secret changes when the password is rotated, so the URL is read again.
    fn server(&self) -> Result<Server, TaskError> {
        let url = self.source.read();
        let server = url.and_then(|url| Server::parse("SOURCE_DATABASE_URL", &url, "portfolio-analysis"));
        server.map_err(|error| TaskError {
            reason: source::UNREACHABLE,
            message: error.to_string(),
            detail: None,
        })
    }

    fn request(&self, parameters: &Parameters) -> Result<AnalysisRequest, TaskError> {
        AnalysisRequest::parse(parameters, self.days).map_err(|message| TaskError {
            reason: "InvalidParameters",
            message,
            detail: None,
        })
    }

    /// The days to read, oldest first. They include the day before the report's, because the report compares the two.
    async fn days(&self, session: &mut Session, request: AnalysisRequest) -> Result<Vec<Date>, TaskError> {
        let bound = request.date.unwrap_or_else(|| trading_views::today(&self.time_zone));
        let days = session.days(Some(bound), request.days.max(2)).await?;
        let found = days.last().is_some_and(|newest| request.date.is_none_or(|date| date == *newest));
        if found { Ok(days) } else { Err(no_such_day(bound, session.days(None, 1).await?.last())) }
    }

    /// Connects, and reads the rows that the report needs.
    async fn read(&self, request: AnalysisRequest, context: &TaskContext) -> Result<SourceRows, TaskError> {
        // A fifth of the run's time remains for reading, or for reporting why there is no connection.
        let budget =
            context.time_left().map_or(MAX_CONNECT_BUDGET, |left| (left * 4 / 5).min(MAX_CONNECT_BUDGET));
        let connection = source::connect(&self.server()?, budget, context).await?;
        let reading = async {
            let mut session = Session::begin(connection, &self.views).await?;
            context.report_progress(10, "finding the days in the views");
            let rows = match self.days(&mut session, request).await {
                Ok(days) => session.read(days, context).await,
                Err(error) => Err(error),
            };
            session.close().await;
            rows
        };
        timeout(READ_TIMEOUT, reading).await.unwrap_or_else(|_| {
            let message = format!("reading the views took longer than {} s", READ_TIMEOUT.as_secs());
            Err(TaskError { reason: source::FAILED, message, detail: None })
        })
    }
}

fn no_such_day(date: Date, newest: Option<&Date>) -> TaskError {
    let newest = newest.map_or("they are empty".to_owned(), |newest| format!("their newest day is {newest}"));
    let message = format!("the views have no rows for {date}; {newest}");
    TaskError { reason: "NoSuchDay", message, detail: None }
}

#[async_trait]
impl Task for PortfolioAnalysis {
    fn definition(&self) -> &'static TaskDefinition {
        &DEFINITION
    }

    fn resumable(&self) -> bool {
        true
    }

    fn check(&self, parameters: &Parameters) -> Result<(), String> {
        AnalysisRequest::parse(parameters, self.days).map(drop)
    }

    async fn run(&self, parameters: &Parameters, context: &TaskContext) -> Result<Value, TaskError> {
        let request = self.request(parameters)?;
        let rows = self.read(request, context).await?;
        context.report_progress(90, "computing the figures");
        let report = compose::report(rows, request.days);
        let summary = format!(
            "{}: {}, {}",
            report.date,
            counted(report.total.positions, "position"),
            counted(report.window.days, "day")
        );
        let value = serde_json::to_value(report).map_err(|error| TaskError {
            reason: "ReportFailed",
            message: "the report can't be written as JSON".to_owned(),
            detail: Some(error.to_string()),
        })?;
        context.report_progress(100, summary);
        Ok(value)
    }

    fn page(&self, result: &Value) -> Option<String> {
        page::page(result)
    }
}
