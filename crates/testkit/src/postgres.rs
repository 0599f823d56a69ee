//! Postgres servers of the distribution, each with its own data folder and port.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::child::Guarded;

/// A running server. Its superuser is `postgres`, with the password `secret`.
#[derive(Debug)]
pub struct Server {
    process: Guarded,
    port: u16,
}

/// A database of its own for one test.
#[derive(Clone, Debug)]
pub struct Database {
    /// Its URL, for the superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    /// The server's port on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// The server that the tests of this process share; started on first use.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// Starts a server of its own, for a test that stops it.
    ///
    /// # Panics
    /// When there is no Postgres server on the machine, or it does not start.
    pub fn start() -> Self {
        let bin = bin_folder();
        let data = tempfile::tempdir().expect("a temporary folder");
        let user = service_user(data.path());
        let password = data.path().join("password");
        std::fs::write(&password, "secret").expect("the folder is ours");
        std::fs::set_permissions(&password, PermissionsExt::from_mode(0o644)).expect("the file is ours");
        let folder = data.path().join("data");
        let mut initdb = Command::new(bin.join("initdb"));
        initdb.args([
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(&folder);
        let output = as_user(&mut initdb, user).output().expect("initdb can be run");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        let port = free_port();
        // From here on the shell that runs the server removes the folder, also after this process is killed.
        let process = spawn(&bin, &data.keep(), port, user);
        wait_until_ready(&bin, port);
        Self { process, port }
    }

    /// Makes an empty database.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn database(&self) -> Database {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("the server is up");
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("the superuser may");
        Database { url: self.url(&name), name, port: self.port }
    }

    /// Stops the server at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.end();
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres:secret@127.0.0.1:{}/{database}", self.port)
    }
}

impl Database {
    /// Connects as the superuser.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the server is up")
    }

    /// Runs SQL, several statements if need be, as the superuser.
    ///
    /// # Panics
    /// When the SQL fails.
    pub async fn execute(&self, sql: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let mut connection = self.connect().await;
        connection.execute(statements).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// The newest server that the distribution has.
fn bin_folder() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let newest = folders.filter(|bin| bin.join("initdb").exists()).max();
    newest.expect("no Postgres server in /usr/lib/postgresql; install one: apt-get install postgresql")
}

/// Postgres refuses to run as root: then the data folder is handed to the user `postgres`.
fn service_user(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").ok().map(|me| std::os::unix::fs::MetadataExt::uid(&me)) != Some(0) {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("every Linux has it");
    let entry = users.lines().find(|line| line.starts_with("postgres:"));
    let mut ids = entry.expect("the package postgresql makes the user postgres").split(':').skip(2);
    let mut id = || ids.next().and_then(|id| id.parse().ok()).expect("passwd holds ids");
    let (user, group) = (id(), id());
    chown(folder, Some(user), Some(group)).expect("root may hand folders over");
    Some((user, group))
}

fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// Starts the server under a shell that stops it, and removes its folder, when its standard input closes.
fn spawn(bin: &Path, folder: &Path, port: u16, user: Option<(u32, u32)>) -> Guarded {
    let script = r#""$0" -D "$1/data" -p "$2" -h 127.0.0.1 -k "" -F -c max_connections=200 &
        cat >/dev/null; kill -QUIT $!; wait; rm -rf "$1""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(bin.join("postgres")).arg(folder).arg(port.to_string());
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Guarded::new(as_user(&mut shell, user).spawn().expect("sh can be run"))
}

/// Asks until the server takes connections; the asking takes long enough to be no busy loop.
fn wait_until_ready(bin: &Path, port: u16) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut ask = Command::new(bin.join("pg_isready"));
    ask.args(["--quiet", "--host=127.0.0.1"]).arg(format!("--port={port}"));
    while !ask.status().expect("pg_isready can be run").success() {
        assert!(Instant::now() < deadline, "Postgres takes no connections on port {port}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
