//! Postgres servers of the distribution, each with its own data folder and port.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::child::Guarded;

/// Names the server that the test processes of one run share, as `PORT FOLDER`. Without it, each process starts its own.
pub const SHARED_SERVER_VARIABLE: &str = "TRADEOPS_TEST_POSTGRES";

/// The SCRAM verifier of the password `secret`, with one iteration. The usual 4,096 take an unoptimized client a tenth of a
/// second for each connection, and the tests open thousands.
const PASSWORD_VERIFIER: &str = "SCRAM-SHA-256$1:c2l4dGVlbiAgYnl0ZXMhIQ==$X3oha/ZHbttxBc7a4+Ov1lhcczHXrThN8oCwpRB9W2s=:fanXtlrVefvxuUWOKKTCtMB/2p5yx/gaFf9Pm4DDRvM=";

/// A running server. Its superuser is `postgres`, with the password `secret`.
#[derive(Debug)]
pub struct Server {
    /// None for a server that another process started.
    process: Option<Guarded>,
    port: u16,
    folder: PathBuf,
}

/// What a server has beyond the defaults of these tests.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Settings, such as `("ssl", "on")`. A file is named relative to the data folder.
    pub settings: Vec<(String, String)>,
    /// Files to put into the data folder, readable by the server's user only: name and content.
    pub files: Vec<(String, String)>,
    /// The whole of `pg_hba.conf`; by default, every login needs its password by SCRAM.
    pub hba: Option<String>,
    /// The port of a server on 127.0.0.1 that this one is a standby of. Its `pg_hba.conf` must let `postgres` replicate.
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

/// A database of its own for one test.
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

    /// Starts a server of its own, for a test that stops it.
    ///
    /// # Panics
    /// When there is no Postgres server on the machine, or it does not start.
    pub fn start() -> Self {
        Self::start_with(&Setup::default())
    }

    /// Starts a server of its own with settings of its own.
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
        // From here on the shell that runs the server removes the folder, also after this process is killed.
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

    /// Makes an empty database.
    ///
    /// # Panics
    /// When the server is gone.
    pub async fn database(&self) -> Database {
        let name = format!("test_{:016x}", unique_number());
        let mut admin = PgConnection::connect(&self.url("postgres")).await.expect("the server is up");
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("the superuser may");
        Database { url: self.url(&name), name, port: self.port }
    }

    /// Stops the server at once, as a crash would.
    pub fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.end();
        }
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

fn init_data(bin: &Path, folder: &Path, user: Option<(u32, u32)>) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD_VERIFIER).expect("the folder is ours");
    std::fs::set_permissions(&password, PermissionsExt::from_mode(0o644)).expect("the file is ours");
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

/// Writes a file that only the server's user may read: Postgres takes no key that others may read.
pub(crate) fn write_private(path: &Path, content: &str, user: Option<(u32, u32)>) {
    std::fs::write(path, content).expect("the folder is ours");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("the file is ours");
    if let Some((user, group)) = user {
        chown(path, Some(user), Some(group)).expect("root may hand files over");
    }
}

/// Postgres refuses to run as root: then the data folder is handed to the user `postgres`.
pub(crate) fn service_user(folder: &Path) -> Option<(u32, u32)> {
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

pub(crate) fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

/// Starts the server under a shell that stops it, and removes its folder, when its standard input closes.
fn spawn(
    bin: &Path,
    folder: &Path,
    port: u16,
    user: Option<(u32, u32)>,
    settings: &[(String, String)],
) -> Guarded {
    let script = r#"server=$0; folder=$1; shift
        "$server" -D "$folder/data" -k "$folder" -h 127.0.0.1 -F -c max_connections=200 "$@" &
        cat >/dev/null; kill -QUIT $!; wait; rm -rf "$folder""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(bin.join("postgres")).arg(folder).args(["-p", &port.to_string()]);
    for (name, value) in settings {
        shell.arg("-c").arg(format!("{name}={value}"));
    }
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Guarded::new(as_user(&mut shell, user).spawn().expect("sh can be run"))
}

/// Asks until something on the port answers as Postgres does; each question takes long enough to be no busy loop.
pub(crate) fn wait_until_ready(port: u16) {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut ask = Command::new(bin_folder().join("pg_isready"));
    ask.args(["--quiet", "--host=127.0.0.1"]).arg(format!("--port={port}"));
    while !ask.status().expect("pg_isready can be run").success() {
        assert!(Instant::now() < deadline, "nothing takes Postgres connections on port {port}");
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
