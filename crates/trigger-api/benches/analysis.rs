//! The portfolio analysis of 30 days of 8,000 rows each against its bare SQL: the same statements in one connection,
//! whose rows are fetched and thrown away.
//!
//! Both connect to the same Postgres, in turns; medians of 15 runs each. To be reached: at most 1.5 times the bare SQL.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use testkit::postgres::{Database, Server};
use trigger_api::domain::log_book::LogBook;
use trigger_api::domain::run::RunId;
use trigger_api::domain::task::{Journal, Parameters, Task};
use trigger_api::tasks::portfolio_analysis::PortfolioAnalysis;
use trigger_api::tasks::portfolio_analysis::source::Views;

const LAST: Date = date(2026, 2, 11);
const DAYS: i32 = 30;
const ROWS: i64 = 8000;
const RUNS: usize = 15;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let server = tokio::task::spawn_blocking(Server::start).await.expect("it starts");
    let database = fill(&server).await;
    let url = SecretString::from(database.url.as_str());
    let analysis =
        PortfolioAnalysis::new(url, Views::default(), TimeZone::UTC, PortfolioAnalysis::DEFAULT_DAYS);
    let mut parameters = Parameters::new();
    parameters.insert("date".to_owned(), LAST.to_string().into());
    let statements = analysis.statements(&parameters).await.expect("the views are there");
    let (mut whole, mut bare) = (Vec::new(), Vec::new());
    let mut size = 0;
    for _ in 0..RUNS {
        let begun = Instant::now();
        bare_sql(&database, &statements).await;
        bare.push(begun.elapsed());
        let begun = Instant::now();
        size = run(&analysis, &parameters).await;
        whole.push(begun.elapsed());
    }
    for statement in &statements {
        let begun = Instant::now();
        bare_sql(&database, std::slice::from_ref(statement)).await;
        let name = statement.lines().find(|line| line.starts_with("--")).unwrap_or("a statement");
        println!("{:>9.1} ms  {name}", milliseconds(begun.elapsed()));
    }
    let (whole, bare) = (median(whole), median(bare));
    println!("analysis  {:>9.1} ms, {size} bytes of JSON", milliseconds(whole));
    println!("bare SQL  {:>9.1} ms", milliseconds(bare));
    println!("ratio     {:>9.2}     (to be reached: 1.5)", whole.as_secs_f64() / bare.as_secs_f64());
}

async fn run(analysis: &PortfolioAnalysis, parameters: &Parameters) -> usize {
    let journal = Journal::new(RunId::new("run_of_a_benchmark"), Arc::new(LogBook::default()));
    let report = analysis.run(parameters, &journal).await.expect("the analysis succeeds");
    report.to_string().len()
}

async fn bare_sql(database: &Database, statements: &[String]) {
    let mut connection = PgConnection::connect(&database.url).await.expect("the server is up");
    for statement in statements {
        let rows = connection.fetch_all(sqlx::raw_sql(AssertSqlSafe(statement.clone()))).await;
        std::hint::black_box(rows.expect("it succeeds"));
    }
    connection.close().await.expect("the server is up");
}

/// Sample days, filled up with points to the number of rows.
async fn fill(server: &Server) -> Database {
    let database = server.database().await;
    database.execute(sample::SCHEMA).await;
    for back in 0..DAYS {
        let day = LAST.saturating_sub(jiff::Span::new().days(back));
        database.execute(&sample::day(day)).await;
        database
            .execute(&format!(
                "INSERT INTO utils_statistics.trades_kpi_series
                   SELECT '{day}', 'KPI ' || i % 26, '{day}'::timestamptz + i * interval '1 ms', sin(i), 'synthetic'
                   FROM generate_series(1, {ROWS} - 26
                     - (SELECT count(*) FROM utils_statistics.trades_kpi_series WHERE report_date = '{day}')
                     - (SELECT count(*) FROM utils_statistics.trades_contract_extremes WHERE report_date = '{day}')
                     - (SELECT count(*) FROM utils_statistics.trades_portfolio_assets WHERE report_date = '{day}')) AS i"
            ))
            .await;
    }
    database.execute(sample::REFRESH).await;
    database.execute("VACUUM ANALYZE").await;
    database
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
