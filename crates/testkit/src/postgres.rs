//! The distribution's Postgres servers, each with its own data folder and port.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::child::GuardedChild;

/// Names the server that the test processes of one run share, as `PORT FOLDER`. Without it, each process starts its own.
pub const SHARED_SERVER_VARIABLE: &str = "TRADEOPS_TEST_POSTGRES";

/// The SCRAM verifier of the password `secret`, with one iteration. The usual 4,096 take an unoptimized client a tenth of a
/// second for each connection, and the tests open thousands.
const PASSWORD_VERIFIER: &str = "SCRAM-SHA-256$1:c2l4dGVlbiAgYnl0ZXMhIQ==$X3oha/ZHbttxBc7a4+Ov1lhcczHXrThN8oCwpRB9W2s=:fanXtlrVefvxuUWOKKTCtMB/2p5yx/gaFf9Pm4DDRvM=";

/// A running server. Its superuser is `postgres`, with the password `secret`.
#[derive(Debug)]
pub struct Server {
    /// None for a server that another process started.
    process: Option<GuardedChild>,
    port: u16,
    folder: PathBuf,
}

/// The configuration of a server, in addition to the defaults of the tests.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Settings, such as `("ssl", "on")`. A file is named relative to the data folder.
    pub settings: Vec<(String, String)>,
    /// The names and contents of files in the data folder. Only the server's user can read them.
    pub files: Vec<(String, String)>,
    /// The content of `pg_hba.conf`. By default, every login needs a password with SCRAM.
    pub hba: Option<String>,
    /// The port of the primary on 127.0.0.1, for a standby. The `pg_hba.conf` of the primary must permit replication by
    /// `postgres`.
    pub standby_of: Option<u16>,
}

impl Setup {
    /// Adds a setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Turns TLS on with a certificate and its key, both as PEM.
    #[must_use]
    pub fn with_tls(mut self, certificate: &str, key: &str) -> Self {
        for (name, content) in [("server.crt", certificate), ("server.key", key)] {
            self.files.push((name.to_owned(), content.to_owned()));
        }
        self.with("ssl", "on")
    }

    /// Replaces `pg_hba.conf`.
    #[must_use]
    pub fn with_hba(mut self, lines: &str) -> Self {
        self.hba = Some(lines.to_owned());
        self
    }
}

/// A database of one test.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Database {
    /// Its URL, for the superuser.
    pub url: String,
    /// Its name.
    pub name: String,
    /// The server's port on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// The server that all tests share: the one that [`SHARED_SERVER_VARIABLE`] names, or one that this process starts on first use.
    ///
    /// # Panics
    /// When the variable is malformed, or as [`Server::start`] does.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "scripts/test.sh sets the variable, not a user")]
        SERVER.get_or_init(|| match std::env::var(SHARED_SERVER_VARIABLE) {
            Ok(value) => Self::started_elsewhere(&value),
            Err(_) => Self::start(),
        })
    }

    fn started_elsewhere(value: &str) -> Self {
        let parts =
            value.split_once(' ').and_then(|(port, folder)| Some((port.parse().ok()?, folder.into())));
        let (port, folder) =
            parts.unwrap_or_else(|| panic!("{SHARED_SERVER_VARIABLE} is not PORT FOLDER: {value}"));
        Self { process: None, port, folder }
    }

    /// Starts a server for one test, which may stop it.
    ///
    /// # Panics
    /// When there is no Postgres server on the machine, or it does not start.
    pub fn start() -> Self {
        Self::start_with(&Setup::default())
    }

    /// Starts a server with this configuration.
    ///
    /// # Panics
    /// When there is no Postgres server on the machine, or it does not start.
    pub fn start_with(setup: &Setup) -> Self {
        let bin = bin_folder();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let user = service_user(folder.path());
        match setup.standby_of {
            Some(primary) => copy_primary(&bin, folder.path(), primary, user),
            None => init_data(&bin, folder.path(), user),
        }
        let data = folder.path().join("data");
        let hba = setup.hba.iter().map(|hba| ("pg_hba.conf", hba.as_str()));
        let files = setup.files.iter().map(|(name, content)| (name.as_str(), content.as_str()));
        for (name, content) in files.chain(hba) {
            write_private(&data.join(name), content, user);
        }
        let port = free_port();
        // The shell that runs the server removes the folder, even when this process is killed.
        let folder = folder.keep();
        let process = spawn(&bin, &folder, port, user, &setup.settings);
        wait_until_ready(port);
        Self { process: Some(process), port, folder }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the server's Unix socket.
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// Creates an empty database.
    ///
    /// # Panics
    /// When the server can't be reached.
    pub async fn database(&self) -> Database {
        let name = format!("test_{:016x}", unique_number());
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("the server is up");
        admin
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("the superuser can create databases");
        Database { url: self.url(&name), name, port: self.port }
    }

    /// Stops the server immediately, like a crash.
    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.end();
        }
    }

    /// Stops all processes of the server until the returned value is dropped, so that the server does not answer.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn pause(&self) -> PausedServer {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("the server runs");
        let first = file.lines().next().and_then(|line| line.trim().parse().ok());
        let server: i32 = first.expect("the first line is the process id");
        // The server first, so that it starts no further process.
        signal_all(&[server], Signal::STOP);
        let processes = [vec![server], children(server)].concat();
        signal_all(&processes, Signal::STOP);
        PausedServer { processes }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres:secret@127.0.0.1:{}/{database}", self.port)
    }
}

/// A server that does not answer until this is dropped.
#[derive(Debug)]
pub struct PausedServer {
    processes: Vec<i32>,
}

impl Drop for PausedServer {
    fn drop(&mut self) {
        signal_all(&self.processes, Signal::CONT);
    }
}

fn signal_all(processes: &[i32], signal: Signal) {
    for process in processes.iter().copied().filter_map(Pid::from_raw) {
        // An error means that the process has ended.
        let _ = kill_process(process, signal);
    }
}

/// The child processes of that process.
fn children(parent: i32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |id: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        line.and_then(|line| line.trim().parse().ok()) == Some(parent)
    };
    ids.filter(is_child).collect()
}

impl Database {
    /// Connects as the superuser.
    ///
    /// # Panics
    /// When the server can't be reached.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("the server is up")
    }

    /// Executes one or more SQL statements as the superuser.
    ///
    /// # Panics
    /// When the SQL fails.
    pub async fn execute(&self, sql: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        let mut connection = self.connect().await;
        connection.execute(statements).await.unwrap_or_else(|error| panic!("{error}: {sql}"));
    }
}

/// The programs of the newest installed server.
fn bin_folder() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let newest = folders.filter(|bin| bin.join("initdb").exists()).max();
    newest.expect("no Postgres server in /usr/lib/postgresql; install one: apt-get install postgresql")
}

fn init_data(bin: &Path, folder: &Path, user: Option<(u32, u32)>) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD_VERIFIER).expect("the folder belongs to this process");
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o644))
        .expect("the file belongs to this process");
    let mut initdb = Command::new(bin.join("initdb"));
    initdb.args([
        "--username=postgres",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-sync",
    ]);
    initdb.arg("--pwfile").arg(&password).arg("--pgdata").arg(folder.join("data"));
    let output = as_user(&mut initdb, user).output().expect("initdb can be run");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
}

fn copy_primary(bin: &Path, folder: &Path, primary: u16, user: Option<(u32, u32)>) {
    let mut backup = Command::new(bin.join("pg_basebackup"));
    backup.args(["--host=127.0.0.1", "--username=postgres", "--checkpoint=fast", "--no-sync"]);
    backup.args(["--write-recovery-conf", "--wal-method=stream"]).arg(format!("--port={primary}"));
    backup.arg("--pgdata").arg(folder.join("data")).env("PGPASSWORD", "secret").env("HOME", folder);
    let output = as_user(&mut backup, user).output().expect("pg_basebackup can be run");
    assert!(output.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a file that only the server's user can read. Postgres rejects a key that others can read.
pub(crate) fn write_private(path: &Path, content: &str, user: Option<(u32, u32)>) {
    std::fs::write(path, content).expect("the folder belongs to this process");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))
        .expect("the file belongs to this process");
    if let Some((user, group)) = user {
        chown(path, Some(user), Some(group)).expect("root can change owners");
    }
}

/// The user and group of the server when this process is root, because Postgres does not run as root. The user becomes the
/// owner of the folder.
pub(crate) fn service_user(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").ok().map(|process| std::os::unix::fs::MetadataExt::uid(&process))
        != Some(0)
    {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("Linux has /etc/passwd");
    let entry = users.lines().find(|line| line.starts_with("postgres:"));
    let mut ids = entry.expect("the package postgresql creates the user postgres").split(':').skip(2);
    let mut id = || ids.next().and_then(|id| id.parse().ok()).expect("passwd contains ids");
    let (user, group) = (id(), id());
    chown(folder, Some(user), Some(group)).expect("root can change owners");
    Some((user, group))
}

pub(crate) fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// Starts the server in a shell that stops it and removes its folder when the standard input closes.
fn spawn(
    bin: &Path,
    folder: &Path,
    port: u16,
    user: Option<(u32, u32)>,
    settings: &[(String, String)],
) -> GuardedChild {
    let script = r#"server=$0; folder=$1; shift
        "$server" -D "$folder/data" -k "$folder" -h 127.0.0.1 -F -c max_connections=200 "$@" &
        cat >/dev/null; kill -QUIT $!; wait; rm -rf "$folder""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(bin.join("postgres")).arg(folder).args(["-p", &port.to_string()]);
    for (name, value) in settings {
        shell.arg("-c").arg(format!("{name}={value}"));
    }
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    GuardedChild::new(as_user(&mut shell, user).spawn().expect("sh can be run"))
}

/// Waits until a Postgres server accepts connections on the port. Each call of `pg_isready` takes long enough that this is not
/// a busy loop.
pub(crate) fn wait_until_ready(port: u16) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut check = Command::new(bin_folder().join("pg_isready"));
    check.args(["--quiet", "--host=127.0.0.1"]).arg(format!("--port={port}"));
    while !check.status().expect("pg_isready can be run").success() {
        assert!(Instant::now() < deadline, "no Postgres server accepts connections on port {port}");
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A random number for names that several test processes choose at the same time. A process id is not enough: it is reused.
pub(crate) fn unique_number() -> u64 {
    RandomState::new().build_hasher().finish()
}
