//! What the tests share: a database with views, the program, and what the sinks hold.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use jiff::civil::{Date, date};
use serde_json::{Map, Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, Column, ConnectOptions, Row, TypeInfo, ValueRef};
use tempfile::TempDir;
use testkit::postgres::Database;
pub(crate) use testkit::trading_days::{views, views_with};
use testkit::worker::{Access, Worker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

/// The day that most tests ship.
pub(crate) const DAY: Date = date(2026, 2, 11);

/// The tables of a day and what orders their rows.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("metrics_daily", "date"),
    ("metrics_kpi_values", "kpi"),
    ("metrics_series_points", "kpi, t"),
    ("metrics_extremes_items", "kpi, side, rank"),
    ("metrics_portfolio_assets", "trade_id, contract_name"),
];

/// A Worker of its own.
pub(crate) async fn start_worker() -> Worker {
    tokio::task::spawn_blocking(|| Worker::start(&[])).await.expect("the start does not panic")
}

/// A call of the program, with nothing of the test's environment.
pub(crate) struct Sync {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Sync {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let call = Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let sqlite = call.sqlite_path().display().to_string();
        call.env("LOG_FORMAT", "json").env("SQLITE_PATH", &sqlite)
    }

    /// `run` for the day of the tests.
    pub(crate) fn run(more: &[&str]) -> Self {
        let date = DAY.to_string();
        Self::new(&[&["run", "--date", &date], more].concat())
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The database, whose server has no TLS; without a mode there would be a warning of that.
    pub(crate) fn database(self, database: &Database) -> Self {
        self.env("DATABASE_URL", &format!("{}?sslmode=disable", database.url))
    }

    /// The API sink at `url`, with the Worker's token.
    pub(crate) fn api(self, access: &Access, url: &str) -> Self {
        self.env("SNAPSHOT_API_URL", url).env("INTERNAL_TOKEN", &access.internal_token)
    }

    /// D1 behind the REST API at `url`.
    pub(crate) fn d1(self, access: &Access, url: &str) -> Self {
        self.env("D1_API_URL", url)
            .env("CLOUDFLARE_API_TOKEN", &access.api_token)
            .env("CLOUDFLARE_ACCOUNT_ID", &access.account_id)
            .env("D1_DATABASE_ID", &access.database_id)
    }

    /// Where the SQLite sink of this call writes.
    pub(crate) fn sqlite_path(&self) -> PathBuf {
        self.folder.path().join("trades.sqlite")
    }

    /// A file beside it.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the folder is ours");
        path
    }

    /// More arguments.
    pub(crate) fn args(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub(crate) fn spawn(&self) -> tokio::process::Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trades-sync"));
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program can be run")
    }

    /// Runs it in a terminal of `script`, whose screen is the standard output.
    pub(crate) fn spawn_in_terminal(&self) -> tokio::process::Child {
        let line = [&[env!("CARGO_BIN_EXE_trades-sync").to_owned()], &*self.arguments].concat().join(" ");
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
        command.envs(self.environment.iter().cloned()).env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().expect("script of util-linux can be run")
    }

    pub(crate) async fn outcome(&self) -> Outcome {
        Outcome::of(self.spawn()).await
    }

    /// Runs it and expects a success.
    pub(crate) async fn succeeds(&self) -> Outcome {
        let outcome = self.outcome().await;
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        outcome
    }

    /// Runs it and expects this exit code and these words in the last line of the log.
    pub(crate) async fn fails(&self, code: i32, words: &[&str]) -> Outcome {
        let outcome = self.outcome().await;
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        let last = outcome.summary()["message"].as_str().expect("it has a message").to_owned();
        for word in words {
            assert!(last.contains(word), "{word:?} is not in {last:?}");
        }
        outcome
    }

    /// What its SQLite file holds for the day of the tests.
    pub(crate) async fn stored(&self) -> Value {
        stored_in_sqlite(&self.sqlite_path(), DAY).await
    }
}

impl Outcome {
    pub(crate) async fn of(child: tokio::process::Child) -> Self {
        let output = child.wait_with_output().await.expect("the program ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The lines of the log.
    pub(crate) fn log(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        self.stderr.lines().map(parse).collect()
    }

    /// The last line of the log.
    pub(crate) fn summary(&self) -> Value {
        self.log().pop().unwrap_or_else(|| panic!("no log: {self:#?}"))
    }

    /// The warnings' texts.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.log().into_iter().filter(|line| line["level"] == "WARN");
        warnings.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The five tables of a day in a SQLite file, as `{table: [row, ...]}`; without `updated_at`.
pub(crate) async fn stored_in_sqlite(path: &Path, day: Date) -> Value {
    let mut file = SqliteConnectOptions::new().filename(path).connect().await.expect("the file is there");
    let mut tables = Map::new();
    for (table, order) in TABLES {
        let query = AssertSqlSafe(select(table, order));
        let rows =
            sqlx::query(query).bind(day.to_string()).fetch_all(&mut file).await.expect("the table is there");
        tables.insert(table.to_owned(), rows.iter().map(|row| comparable(sqlite_row(row))).collect());
    }
    Value::Object(tables)
}

/// The same from D1.
pub(crate) async fn stored_in_d1(access: &Access, day: Date) -> Value {
    let query = |(table, order)| json!({ "sql": select(table, order), "params": [day.to_string()] });
    let results = query_d1(access, TABLES.into_iter().map(query).collect()).await;
    let rows = |result: &Value| -> Value {
        let rows = result["results"].as_array().expect("a result has rows");
        rows.iter().map(|row| comparable(row.as_object().expect("a row is an object").clone())).collect()
    };
    TABLES
        .iter()
        .zip(&results)
        .map(|((table, _), result)| ((*table).to_owned(), rows(result)))
        .collect::<Map<_, _>>()
        .into()
}

/// Runs a batch of `{"sql", "params"}` in D1.
pub(crate) async fn query_d1(access: &Access, batch: Value) -> Vec<Value> {
    let url =
        format!("{}/accounts/{}/d1/database/{}/query", access.d1_api, access.account_id, access.database_id);
    let request = http().post(url).bearer_auth(&access.api_token).body(json!({ "batch": batch }).to_string());
    let answer = request.send().await.expect("the API answers").text().await.expect("it answers whole");
    let answer: Value = serde_json::from_str(&answer).expect("it answers JSON");
    answer["result"]
        .as_array()
        .filter(|_| answer["success"] == true)
        .unwrap_or_else(|| panic!("{answer}"))
        .clone()
}

/// A client with TLS set up, though the tests need none.
pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn select(table: &str, order: &str) -> String {
    format!("SELECT * FROM {table} WHERE date = ?1 ORDER BY {order}")
}

fn sqlite_row(row: &SqliteRow) -> Map<String, Value> {
    let cell = |column: usize| {
        let value = row.try_get_raw(column).expect("the column is there");
        match value.type_info().name() {
            _ if value.is_null() => Value::Null,
            "INTEGER" | "REAL" => row.get_unchecked::<f64, _>(column).into(),
            _ => row.get_unchecked::<String, _>(column).into(),
        }
    };
    row.columns().iter().enumerate().map(|(index, column)| (column.name().to_owned(), cell(index))).collect()
}

/// Numbers as doubles, documents as their values.
pub(crate) fn comparable(row: Map<String, Value>) -> Value {
    let cell = |(name, value): (String, Value)| match value {
        Value::String(text) if name.ends_with("_json") => {
            (name, doubles(serde_json::from_str(&text).expect("a document column holds JSON")))
        }
        value => (name, doubles(value)),
    };
    row.into_iter().filter(|(name, _)| name != "updated_at").map(cell).collect::<Map<_, _>>().into()
}

/// All numbers as doubles, so that 110 equals 110.0.
pub(crate) fn doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().into(),
        Value::Array(items) => items.into_iter().map(doubles).collect(),
        Value::Object(entries) => {
            entries.into_iter().map(|(key, value)| (key, doubles(value))).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

/// A receiver to be: a listener and its URL.
pub(crate) async fn receiver() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    (listener, url)
}

/// The contract's confirmation of the day of the tests.
pub(crate) const CONFIRMED: &str = r#"{"ok":true,"date":"2026-02-11"}"#;

/// Takes one request and answers it with 200 and this body.
pub(crate) async fn one_request(listener: &TcpListener, body: &str) -> Vec<u8> {
    one_answer(listener, 200, body).await
}

/// Takes one request and answers it with this status and body.
pub(crate) async fn one_answer(listener: &TcpListener, status: u16, body: &str) -> Vec<u8> {
    let (mut connection, _) = listener.accept().await.expect("somebody connects");
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some(head) = text.find("\r\n\r\n") {
            let length =
                text[..head].lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                break;
            }
        }
        assert_ne!(connection.read_buf(&mut request).await.expect("it can be read"), 0, "the request is cut");
    }
    // A 204 has no body, not even an announced one.
    let length = if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let answer = format!("HTTP/1.1 {status} Answer\r\n{length}connection: close\r\n\r\n{body}");
    connection.write_all(answer.as_bytes()).await.expect("it can be answered");
    request
}
