//! The distribution's PgBouncer, in front of a Postgres server.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child::GuardedChild;
use crate::postgres::{Server, as_user, free_port, service_user, wait_until_ready, write_private};

const PROGRAM: &str = "/usr/sbin/pgbouncer";

/// How long a client keeps a connection of the pool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PoolMode {
    /// Until the client disconnects. This is PgBouncer's default.
    Session,
    /// Until the transaction ends.
    Transaction,
}

/// A running pooler with its defaults, for all databases of one server and the user `postgres`.
#[derive(Debug)]
pub struct PgBouncer {
    process: GuardedChild,
    port: u16,
}

impl PgBouncer {
    /// Starts a pooler in front of `server`.
    ///
    /// # Panics
    /// When there is no PgBouncer on the machine, or it does not start.
    pub fn start(server: &Server, pool_mode: PoolMode) -> Self {
        Self::start_with(server, pool_mode, &[])
    }

    /// Starts a pooler with further settings, such as `("default_pool_size", "1")`.
    ///
    /// # Panics
    /// When there is no PgBouncer on the machine, or it does not start.
    pub fn start_with(server: &Server, pool_mode: PoolMode, settings: &[(&str, &str)]) -> Self {
        assert!(Path::new(PROGRAM).exists(), "no {PROGRAM}; install it: apt-get install pgbouncer");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let user = service_user(folder.path());
        let port = free_port();
        let users = folder.path().join("users.txt");
        // The passwords are in plain text, because the pooler needs them to log in to the server.
        write_private(&users, "\"postgres\" \"secret\"\n", user);
        let mode = match pool_mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let mut text = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\n",
            server.port(),
            users.display(),
        );
        for (name, value) in settings {
            writeln!(text, "{name} = {value}").expect("writing to a String succeeds");
        }
        write_private(&folder.path().join("pgbouncer.ini"), &text, user);
        // The shell that runs the pooler removes the folder, even when this process is killed.
        let folder = folder.keep();
        let script = r#""$0" --quiet "$1/pgbouncer.ini" &
            cat >/dev/null; kill -TERM $!; wait; rm -rf "$1""#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script, PROGRAM]).arg(&folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = GuardedChild::new(as_user(&mut shell, user).spawn().expect("sh can be run"));
        wait_until_ready(port);
        Self { process, port }
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database through this pooler, for the superuser.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres:secret@127.0.0.1:{}/{database}", self.port)
    }

    /// Stops the pooler immediately. Its clients lose their connections.
    pub fn kill(&mut self) {
        self.process.end();
    }
}
