//! NATS servers with JetStream: the pinned version, and Debian's.

mod configuration;

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use self::configuration::configuration;
use crate::child::GuardedChild;
use crate::postgres::unique_number;
use crate::tool;

/// The ports of servers.
const PORTS: Range<u16> = 12_000..30_000;
/// The number of servers of a [`NatsCluster`].
const CLUSTER_SIZE: usize = 3;
/// How long a server may take to accept connections.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a cluster may take to elect its leaders.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(30);

/// A version of the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NatsVersion {
    /// The version of the image, which `scripts/tools.sh` builds.
    Pinned,
    /// The version of the distribution, 2.9.
    Debian,
}

/// A server with a store of its own.
#[derive(Debug)]
pub struct NatsServer {
    version: NatsVersion,
    folder: TempDir,
    port: u16,
    process: Option<RunningServer>,
}

#[derive(Debug)]
struct RunningServer {
    pid: Pid,
    _shell: GuardedChild,
}

impl NatsServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Panics
    /// When the program is missing, or does not start.
    pub fn start(version: NatsVersion) -> Self {
        Self::start_with(version, "")
    }

    /// Starts a server with further lines of configuration, such as `max_payload: 8MB`.
    ///
    /// # Panics
    /// When the program is missing, or does not start.
    pub fn start_with(version: NatsVersion, lines: &str) -> Self {
        let mut server = Self::stopped(version);
        let text = configuration("nats", server.port, &server.store(), None);
        server.configure(&format!("{text}{lines}\n"));
        server.restart();
        server
    }

    /// A server that was not started yet. Its port is reserved for nobody, so another process may take it.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    pub fn stopped(version: NatsVersion) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Self { version, folder, port: free_port(), process: None };
        server.configure(&configuration("nats", server.port, &server.store(), None));
        server
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server, as a crash does. Its store remains.
    pub fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal(Signal::KILL);
        }
    }

    /// Ends the server in order. Its store remains.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal(Signal::TERM);
        }
    }

    /// Starts the server with its store and its port, after it was ended if it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.spawn();
        wait_until_ready(self.port);
    }

    /// Starts another version with the same store.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart_as(&mut self, version: NatsVersion) {
        self.stop();
        self.version = version;
        self.restart();
    }

    /// Stops the process without ending it. Its connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.running().signal(Signal::STOP);
    }

    /// Continues a paused process.
    pub fn resume(&self) {
        self.running().signal(Signal::CONT);
    }

    /// Copies the store of the server, which must not run.
    ///
    /// # Panics
    /// When it can't be copied.
    pub fn save_store(&self) {
        self.copy_store("store", "saved");
    }

    /// Replaces the store of the server, which must not run, with the copy.
    ///
    /// # Panics
    /// When it can't be replaced.
    pub fn restore_store(&self) {
        std::fs::remove_dir_all(self.store()).expect("the store exists");
        self.copy_store("saved", "store");
    }

    fn copy_store(&self, from: &str, to: &str) {
        let mut copy = Command::new("cp");
        let status = copy.current_dir(self.folder.path()).args(["-a", from, to]).status();
        assert!(status.expect("cp can be run").success(), "the store can't be copied");
    }

    /// The log of the server since its first start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.folder.path().join("nats.conf"), text).expect("the temporary folder is writable");
    }

    fn running(&self) -> &RunningServer {
        self.process.as_ref().expect("the server runs")
    }

    fn spawn(&mut self) {
        self.process = None;
        // The shell ends the server when its standard input closes, also when this process is killed.
        let script = r#""$0" --config "$1/nats.conf" --log "$1/log" >/dev/null 2>&1 & echo $!
            cat >/dev/null; kill -CONT $! 2>/dev/null; kill -KILL $! 2>/dev/null; wait"#;
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(program(self.version)).arg(self.folder.path());
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = shell.spawn().expect("sh can be run");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("the shell prints UTF-8");
        let pid = line.trim().parse().ok().and_then(Pid::from_raw).expect("the shell prints a process id");
        self.process = Some(RunningServer { pid, _shell: GuardedChild::new(child) });
    }
}

impl RunningServer {
    fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the server runs");
        if signal == Signal::KILL || signal == Signal::TERM {
            // The shell reaps its child, so a process that has ended has no entry, or is a zombie for a moment.
            while is_alive(self.pid) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn is_alive(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    status.is_ok_and(|status| !status.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
}

/// Three servers that replicate their streams.
#[derive(Debug)]
pub struct NatsCluster {
    /// The servers.
    pub servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts three servers and waits until they have elected a leader.
    ///
    /// # Panics
    /// When a program is missing, does not start, or no leader is elected in time.
    pub fn start(version: NatsVersion) -> Self {
        let mut servers: Vec<_> = (0..CLUSTER_SIZE).map(|_| NatsServer::stopped(version)).collect();
        let routes: Vec<u16> = servers.iter().map(|_| free_port()).collect();
        for (index, server) in servers.iter_mut().enumerate() {
            let cluster = Some((routes[index], &routes[..]));
            let text = configuration(&format!("nats-{index}"), server.port, &server.store(), cluster);
            server.configure(&text);
            server.spawn();
        }
        let cluster = Self { servers };
        for server in &cluster.servers {
            wait_until_ready(server.port);
        }
        cluster.wait_for_leader();
        cluster
    }

    /// The URLs of all servers.
    pub fn url(&self) -> String {
        self.servers.iter().map(NatsServer::url).collect::<Vec<_>>().join(",")
    }

    fn wait_for_leader(&self) {
        let deadline = Instant::now() + CLUSTER_TIMEOUT;
        let has_leader = |server: &NatsServer| server.log().contains("JetStream cluster new metadata leader");
        while !self.servers.iter().any(has_leader) {
            assert!(Instant::now() < deadline, "no leader: {}", self.servers[0].log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Waits until the server sends its greeting.
fn wait_until_ready(port: u16) {
    let deadline = Instant::now() + START_TIMEOUT;
    let greets = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.read_exact(&mut [0; 4]).ok()
    };
    while greets().is_none() {
        assert!(Instant::now() < deadline, "no NATS server accepts connections on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A free port below those that the system gives to outgoing connections, which could take it before the server listens.
fn free_port() -> u16 {
    loop {
        let port = PORTS.start
            + u16::try_from(unique_number() % u64::from(PORTS.end - PORTS.start)).expect("it is a port");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The program of a version.
fn program(version: NatsVersion) -> &'static Path {
    static PINNED: OnceLock<PathBuf> = OnceLock::new();
    match version {
        NatsVersion::Debian => {
            let path = Path::new("/usr/sbin/nats-server");
            assert!(path.exists(), "no {}; install it: apt-get install nats-server", path.display());
            path
        }
        NatsVersion::Pinned => PINNED.get_or_init(|| tool::path("nats-server")),
    }
}
