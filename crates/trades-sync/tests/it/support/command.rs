//! Runs the program.

use std::path::PathBuf;
use std::process::Stdio;

use jiff::civil::{Date, date};
use serde_json::Value;
use tempfile::TempDir;
use testkit::postgres::Database;
use testkit::worker::Access;
use tokio::process::{Child, Command};

use super::stored::stored_in_sqlite;

/// The day that most tests ship.
pub(crate) const DAY: Date = date(2026, 2, 11);

/// A command line of the program, with an environment that inherits nothing.
pub(crate) struct SyncCommand {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

/// The exit code and the output of the program.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl SyncCommand {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let command = Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: Vec::new(),
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let sqlite = command.sqlite_path().display().to_string();
        command.env("LOG_FORMAT", "json").env("SQLITE_PATH", &sqlite)
    }

    /// `run` for [`DAY`].
    pub(crate) fn run(more: &[&str]) -> Self {
        let date = DAY.to_string();
        Self::new(&[&["run", "--date", &date], more].concat())
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the database. Its server has no TLS; `sslmode=disable` avoids the warning about that.
    pub(crate) fn database(self, database: &Database) -> Self {
        self.env("DATABASE_URL", &format!("{}?sslmode=disable", database.url))
    }

    /// Sets the API at `url`, with the Worker's token.
    pub(crate) fn api(self, access: &Access, url: &str) -> Self {
        self.env("SNAPSHOT_API_URL", url).env("INTERNAL_TOKEN", &access.internal_token)
    }

    /// Sets D1 behind the REST API at `url`.
    pub(crate) fn d1(self, access: &Access, url: &str) -> Self {
        self.env("D1_API_URL", url)
            .env("CLOUDFLARE_API_TOKEN", &access.api_token)
            .env("CLOUDFLARE_ACCOUNT_ID", &access.account_id)
            .env("D1_DATABASE_ID", &access.database_id)
    }

    /// The file of the SQLite sink.
    pub(crate) fn sqlite_path(&self) -> PathBuf {
        self.folder.path().join("trades.sqlite")
    }

    /// Writes a file beside it.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).expect("the folder can be written");
        path
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        self
    }

    pub(crate) fn spawn(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trades-sync"));
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program can be run")
    }

    /// Runs it in a terminal of `script`. The screen is its standard output.
    pub(crate) fn spawn_in_terminal(&self) -> Child {
        let line = [&[env!("CARGO_BIN_EXE_trades-sync").to_owned()], &*self.arguments].concat().join(" ");
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
        command.envs(self.environment.iter().cloned()).env("TERM", "xterm").env("SHELL", "/bin/sh");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn().expect("script of util-linux can be run")
    }

    pub(crate) async fn outcome(&self) -> CommandOutput {
        CommandOutput::of(self.spawn()).await
    }

    /// Runs it and expects a success.
    pub(crate) async fn succeeds(&self) -> CommandOutput {
        let outcome = self.outcome().await;
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        outcome
    }

    /// Runs it and expects this exit code and these parts of the last line of the log.
    pub(crate) async fn fails(&self, code: i32, parts: &[&str]) -> CommandOutput {
        let outcome = self.outcome().await;
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        let last = outcome.summary()["message"].as_str().expect("it has a message").to_owned();
        for part in parts {
            assert!(last.contains(part), "{part:?} is not in {last:?}");
        }
        outcome
    }

    /// The tables of [`DAY`] in its SQLite file.
    pub(crate) async fn stored(&self) -> Value {
        stored_in_sqlite(&self.sqlite_path(), DAY).await
    }
}

impl CommandOutput {
    pub(crate) async fn of(child: Child) -> Self {
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

    /// The messages of the warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.log().into_iter().filter(|line| line["level"] == "WARN");
        warnings.map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
