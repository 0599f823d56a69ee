//! `just bench-sync`: compares shipping a day to a receiver that discards it with `psql COPY` of the same queries and
//! `curl` of the same body. The two run alternately, so that slow moments of the machine affect both. Medians, ratios
//! and the peak memory of the program are printed.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the environment selects the program of a benchmark, and its output is printed"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use testkit::postgres::{Database, Server};

const TYPICAL: Date = date(2026, 2, 11);
const ROWS_8000: Date = date(2026, 2, 12);
const POINTS_1000000: Date = date(2026, 2, 13);

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = Server::start();
    let database = runtime.block_on(fill(&server));
    let receiver = start_receiver();
    let program =
        std::env::var("TRADES_SYNC").unwrap_or_else(|_| env!("CARGO_BIN_EXE_trades-sync").to_owned());
    println!("{program}, {} bytes\n", std::fs::metadata(&program).expect("the program is built").len());
    println!("| day | body | trades-sync | psql COPY + curl | ratio | peak memory |");
    println!("|---|---|---|---|---|---|");
    for (name, day, runs) in
        [("typical", TYPICAL, 15), ("8,000 rows", ROWS_8000, 15), ("1,000,000 points", POINTS_1000000, 5)]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let comparison = Comparison {
            program: &program,
            database: &database,
            day,
            receiver: &receiver,
            folder: folder.path(),
        };
        comparison.print(name, runs);
    }
}

async fn fill(server: &Server) -> Database {
    let database = server.database().await;
    database.execute(sample::SCHEMA).await;
    for day in [TYPICAL, ROWS_8000] {
        database.execute(&sample::day(day)).await;
    }
    let series = |day: Date, points: usize| {
        format!(
            "INSERT INTO utils_statistics.trades_kpi_series
               SELECT '{day}', 'KPI ' || i % 26, '{day}'::timestamptz + i * interval '1 ms', 100 * sin(i) + i / 7.0, 'synthetic'
               FROM generate_series(1, {points}) AS i;"
        )
    };
    let missing = "SELECT 8000 - (SELECT count(*) FROM utils_statistics.trades_kpi_series WHERE report_date = '2026-02-12')
        - (SELECT count(*) FROM utils_statistics.trades_contract_extremes WHERE report_date = '2026-02-12')
        - (SELECT count(*) FROM utils_statistics.trades_portfolio_assets WHERE report_date = '2026-02-12') - 26";
    let missing: i64 =
        sqlx::query_scalar(missing).fetch_one(&mut database.connect().await).await.expect("a count");
    database.execute(&series(ROWS_8000, usize::try_from(missing).expect("a sample day is smaller"))).await;
    database.execute(&series(POINTS_1000000, 1_000_000)).await;
    database.execute(sample::REFRESH).await;
    database.execute("VACUUM ANALYZE").await;
    database
}

/// Compares the two ways of shipping one day.
struct Comparison<'a> {
    program: &'a str,
    database: &'a Database,
    day: Date,
    receiver: &'a DiscardingReceiver,
    folder: &'a Path,
}

impl Comparison<'_> {
    fn print(&self, name: &str, runs: usize) {
        let body = self.capture_body();
        let copies = self.copies();
        let (mut program_times, mut tool_times, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..=runs {
            let (program_time, peak) = self.run_program();
            let tool_time = self.run_tools(&copies, &body);
            if run > 0 {
                program_times.push(program_time);
                tool_times.push(tool_time);
                peaks.push(peak);
            }
        }
        let (program_time, tool_time) = (median(&mut program_times), median(&mut tool_times));
        println!(
            "| {name} | {} bytes | {:.1} ms | {:.1} ms | {:.2}x | {:.1} MB |",
            std::fs::metadata(&body).expect("it was captured").len(),
            program_time.as_secs_f64() * 1e3,
            tool_time.as_secs_f64() * 1e3,
            program_time.as_secs_f64() / tool_time.as_secs_f64(),
            median(&mut peaks) / 1e3,
        );
    }

    /// Ships the day once and keeps the body of the request.
    fn capture_body(&self) -> PathBuf {
        self.receiver.capture.lock().expect("no panics").replace(Vec::new());
        self.run_program();
        let body = self.receiver.capture.lock().expect("no panics").take().expect("a body was sent");
        let path = self.folder.join("body.json");
        std::fs::write(&path, body).expect("the folder can be written");
        path
    }

    /// Wall time, and peak memory in kB.
    fn run_program(&self) -> (Duration, f64) {
        let log = self.folder.join("time");
        let mut command = Command::new("/usr/bin/time");
        command.args(["-f", "%M", "-o"]).arg(&log).arg(self.program).args([
            "run",
            "--sink",
            "api",
            "--date",
            &self.day.to_string(),
        ]);
        command.env_clear().env("DATABASE_URL", &self.database.url).env("LOG_LEVEL", "error");
        command.env("SNAPSHOT_API_URL", &self.receiver.url).env("INTERNAL_TOKEN", "token");
        // The receiver discards the day without reading its date, so it can't confirm it.
        command.env("ACCEPT_ANY_2XX", "true");
        let took = timed(&mut command);
        let peak = std::fs::read_to_string(&log).expect("time writes the file");
        (took, peak.trim().parse().expect("a number of kB"))
    }

    /// `psql` with one `COPY` per view, then `curl`. `psql` is run under `time` as the program is.
    fn run_tools(&self, copies: &[String], body: &Path) -> Duration {
        let mut psql = Command::new("/usr/bin/time");
        psql.args(["-f", "%M", "-o", "/dev/null", "psql", "--quiet", "--no-psqlrc"]).arg(&self.database.url);
        for copy in copies {
            psql.args(["-c", copy]);
        }
        let mut curl = Command::new("curl");
        curl.args([
            "-sSf",
            "-X",
            "POST",
            "-H",
            "Content-Type: application/json",
            "-H",
            "X-Internal-Token: token",
            "-H",
            "Expect:",
        ]);
        curl.arg("--data-binary").arg(format!("@{}", body.display())).arg(&self.receiver.url);
        timed(&mut psql) + timed(&mut curl)
    }

    fn copies(&self) -> Vec<String> {
        let views = [
            ("trades_kpi_summary_mv", "kpi_name, display_value, sort_order"),
            ("trades_kpi_series_mv", "kpi_name, ts, value, source"),
            (
                "trades_contract_extremes_by_kpi_mv",
                "kpi_name, side, rank, trade_id, symbol, contract_name, mid_ts, metric_raw, metric_abs, individual_pnl, \
                 abs_individual_pnl, percent_change, cost_basis, qty, bid_price, ask_price, mid_price, mid_mark_pnl, liquidity_drag",
            ),
            ("trades_portfolio_assets_mv", "trade_id, symbol, contract_name"),
        ];
        let copy = |(view, columns)| {
            format!(
                "COPY (SELECT {columns} FROM utils_statistics.{view} WHERE report_date = '{}') TO STDOUT",
                self.day
            )
        };
        views.map(copy).to_vec()
    }
}

fn timed(command: &mut Command) -> Duration {
    let started = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("the command can be run");
    assert!(status.success(), "{command:?}");
    started.elapsed()
}

fn median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    values[values.len() / 2]
}

/// An HTTP server that reads bodies and answers 200.
struct DiscardingReceiver {
    url: String,
    /// If this is Some, the next body is written to it.
    capture: std::sync::Arc<std::sync::Mutex<Option<Vec<u8>>>>,
}

fn start_receiver() -> DiscardingReceiver {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let capture = std::sync::Arc::<std::sync::Mutex<Option<Vec<u8>>>>::default();
    let captured = std::sync::Arc::clone(&capture);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            answer(connection.expect("a client"), &captured).expect("a request");
        }
    });
    DiscardingReceiver { url, capture }
}

fn answer(mut connection: TcpStream, capture: &std::sync::Mutex<Option<Vec<u8>>>) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    let mut head = Vec::new();
    let body_start = loop {
        let read = connection.read(&mut buffer)?;
        head.extend_from_slice(&buffer[..read]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&head[..body_start]).to_ascii_lowercase();
    let length: usize =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut kept = capture.lock().expect("no panics");
    let mut received = head.len() - body_start;
    if let Some(kept) = kept.as_mut() {
        kept.extend_from_slice(&head[body_start..]);
    }
    while received < length {
        let read = connection.read(&mut buffer)?;
        received += read;
        if let Some(kept) = kept.as_mut() {
            kept.extend_from_slice(&buffer[..read]);
        }
    }
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"ok\":true}")
}
