//! A nats-server of this machine.

use std::error::Error;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{ports, print};

/// The folder of Debian's server, which may not be on PATH.
const SYSTEM_FOLDER: &str = "/usr/sbin";
/// The usual port of NATS.
const USUAL_PORT: u16 = 4222;

/// A server on loopback, with a store in the demo's folder.
pub(crate) struct NatsServer {
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    process: Child,
}

impl NatsServer {
    /// Starts a server with an empty store, if this machine has the program or can build it.
    ///
    /// # Errors
    /// If it can't be started.
    pub(crate) async fn start_if_found(folder: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        print::step("NATS, in which services register");
        let Some(program) = find().await else {
            print::line(
                "skipped: there is no nats-server, and no Go to build it; try apt-get install nats-server",
            );
            return Ok(None);
        };
        let folder = folder.join("nats");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let address = ports::free_address(USUAL_PORT)?;
        let process = spawn(&program, &folder, address)?;
        print::line(&format!("it serves on {address}"));
        Ok(Some(Self { program, folder, address, process }))
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills the server, as a crash does.
    ///
    /// # Errors
    /// If it has ended already.
    pub(crate) async fn kill(&mut self) -> std::io::Result<()> {
        self.process.kill().await
    }

    /// Starts the server again with its store.
    ///
    /// # Errors
    /// If it can't be started.
    pub(crate) fn restart(&mut self) -> std::io::Result<()> {
        self.process = spawn(&self.program, &self.folder, self.address)?;
        Ok(())
    }
}

fn spawn(program: &Path, folder: &Path, address: SocketAddr) -> std::io::Result<Child> {
    let mut command = Command::new(program);
    command.arg("--addr").arg(address.ip().to_string()).arg("--port").arg(address.port().to_string());
    command.arg("--jetstream").arg("--store_dir").arg(folder);
    let log = File::options().create(true).append(true).open(folder.join("log"))?;
    // With a process group of its own, Ctrl-C signals only the demo.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true).process_group(0);
    command.spawn()
}

/// Finds a nats-server, or builds one if Go is installed.
async fn find() -> Option<PathBuf> {
    for program in [PathBuf::from("nats-server"), Path::new(SYSTEM_FOLDER).join("nats-server")] {
        if succeeds(Command::new(&program).arg("--version")).await {
            return Some(program);
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/tools.sh");
    if !script.exists() || !succeeds(Command::new("go").arg("version")).await {
        return None;
    }
    print::line(
        "there is no nats-server; it is built with Go, which takes about a minute and is done only once",
    );
    let output = Command::new(script).arg("nats-server").stderr(Stdio::null()).output().await.ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| Path::new(folder.trim()).join("nats-server"))
}

async fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}
