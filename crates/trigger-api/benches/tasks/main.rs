//! `just bench-tasks`: measures the latency of `POST .../trigger-analysis` while analyses run, compares an analysis with `psql`
//! that executes the same SQL, and measures the memory over a thousand runs.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark starts processes and prints its results"
)]

mod program;
#[path = "../api/report.rs"]
mod report;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};
use jiff::tz::TimeZone;
use portfolio_analysis::PortfolioAnalysis;
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::postgres::{Database, Server};
use tokio::task::JoinSet;
use trading_views::Views;
use trigger_core::parameters::Parameters;

use self::program::ApiWithTasks;
use self::report::{Figures, median, milliseconds};

const LAST: Date = date(2026, 2, 11);
const DAYS: usize = 30;
const ROWS_A_DAY: usize = 8_000;
const COMPARISONS: usize = 15;
const PER_SECOND: u32 = 100;
const REQUESTS: u32 = 2_000;
const RUNS: usize = 1_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let server = Server::start();
        compare(&server).await;
        let database = server.database().await;
        fill(&database, 2, 0).await;
        measure_latency(&database).await;
        measure_memory(&database).await;
    });
}

/// Inserts trading days with sample data, filled up to `rows` rows per day.
async fn fill(database: &Database, days: usize, rows: usize) {
    database.execute(sample::SCHEMA).await;
    let mut day = LAST;
    for _ in 0..days {
        database.execute(&sample::day(day)).await;
        let filler = format!(
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT '{day}', 'KPI ' || i % 26, '{day}'::timestamptz + i * interval '1 ms', 100 * sin(i), 'synthetic'
               FROM generate_series(1, {rows} - (
                 (SELECT count(*) FROM utils_statistics.trades_kpi_series WHERE report_date = '{day}')
                 + (SELECT count(*) FROM utils_statistics.trades_contract_extremes WHERE report_date = '{day}')
                 + (SELECT count(*) FROM utils_statistics.trades_portfolio_assets WHERE report_date = '{day}') + 26)) AS i"
        );
        database.execute(&filler).await;
        day = day.checked_sub(1.day()).expect("an earlier day");
        while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            day = day.checked_sub(1.day()).expect("an earlier day");
        }
    }
    database.execute(sample::REFRESH).await;
    database.execute("VACUUM ANALYZE").await;
}

/// Alternates between an analysis of thirty days and `psql` with the same statements.
async fn compare(server: &Server) {
    let database = server.database().await;
    fill(&database, DAYS, ROWS_A_DAY).await;
    let mut program = ApiWithTasks::start(&database);
    let analysis = PortfolioAnalysis::new(
        SecretString::from(database.url.as_str()),
        Views::default(),
        TimeZone::UTC,
        DAYS,
    );
    let parameters_json = json!({ "date": LAST.to_string(), "days": DAYS });
    let parameters: Parameters = parameters_json.as_object().expect("an object").clone();
    let statements = analysis.statements(&parameters).await.expect("the views exist");
    let file = sql_file(&statements);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..=COMPARISONS {
        program.trigger(&parameters_json).await;
        let our_time = program.next_duration();
        let their_time = psql(&database, &file);
        // The first turn fills the caches.
        if turn > 0 {
            ours.push(our_time);
            theirs.push(their_time);
        }
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    println!(
        "| {DAYS} days of {ROWS_A_DAY} rows | analysis | psql, the same statements | ratio |\n|---|---|---|---|"
    );
    println!(
        "| median of {COMPARISONS} | {} | {} | {:.2}x |\n",
        milliseconds(ours),
        milliseconds(theirs),
        ours / theirs
    );
    std::fs::remove_file(file).expect("the file is writable");
}

fn sql_file(statements: &[String]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bench-tasks-{}.sql", std::process::id()));
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off;\n";
    std::fs::write(&path, format!("{begin}{};\nCOMMIT;\n", statements.join(";\n")))
        .expect("the file is writable");
    path
}

fn psql(database: &Database, file: &PathBuf) -> f64 {
    let began = Instant::now();
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--file"]);
    let status = psql.arg(file).arg(&database.url).stdout(Stdio::null()).status();
    assert!(status.expect("psql is installed").success());
    began.elapsed().as_secs_f64()
}

/// Sends requests at a constant rate, independently of the responses. They alternate with probes, whose latency is the baseline.
async fn measure_latency(database: &Database) {
    let program = ApiWithTasks::start(database);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / PER_SECOND / 2);
    let mut answers = JoinSet::new();
    for number in 0..2 * REQUESTS {
        ticks.tick().await;
        let (client, url) = (program.client.clone(), program.url.clone());
        answers.spawn(async move {
            let triggers = number % 2 == 0;
            let request =
                if triggers { program::trigger(&client, &url) } else { client.get(format!("{url}/healthz")) };
            let began = Instant::now();
            let response = request.send().await.expect("a response");
            let status = response.status();
            response.bytes().await.expect("a complete response");
            assert!(status.is_success(), "{status}");
            (triggers, began.elapsed().as_secs_f64())
        });
    }
    let (mut triggers, mut probes) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.join_next().await {
        let (is_trigger, took) = answer.expect("a request ends");
        if is_trigger { triggers.push(took) } else { probes.push(took) }
    }
    println!("| {PER_SECOND} requests a second, {REQUESTS} in all | median | p99 |\n|---|---|---|");
    for (name, times) in [("POST trigger-analysis, 202", &triggers), ("GET /healthz in between", &probes)] {
        let figures = Figures::of(times);
        println!("| {name} | {} | {} |", milliseconds(figures.median), milliseconds(figures.p99));
    }
    println!();
}

/// Runs a thousand analyses in sequence, and prints the resident memory.
async fn measure_memory(database: &Database) {
    let mut program = ApiWithTasks::start(database);
    println!("| runs | resident |\n|---|---|\n| 0 | {:.1} MB |", program.resident_megabytes());
    for run in 1..=RUNS {
        program.trigger(&Value::Null).await;
        program.next_duration();
        if [1, RUNS / 10, RUNS / 2, RUNS].contains(&run) {
            println!("| {run} | {:.1} MB |", program.resident_megabytes());
        }
    }
}
