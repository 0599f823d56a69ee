//! A process group that ends with trigger-api, even after SIGKILL.

use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The shell script of the guard. It reads a pipe on which nothing is written. The pipe closes when trigger-api ends for
/// any reason, and the guard then kills the group. The guard ignores the signals that a process may send to its own group.
const GUARD: &str = "trap '' HUP INT QUIT TERM; read -r line || kill -s KILL 0";

/// A process group whose leader is the guard. The guard starts before the group's first program. That program's process
/// holds the pipe open between fork and exec, and joins the group before exec, so no SIGKILL of trigger-api can leave the
/// program without a guard. The leader is reaped last, so that its number is not reused for another group while signals
/// are sent.
pub(super) struct ProcessGroup {
    guard: Child,
    id: Pid,
}

impl ProcessGroup {
    /// Starts a group with its guard alone. It is not the foreground group of the terminal, so Ctrl-C does not reach it.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD]).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn();
        let guard = guard
            .map_err(|error| io::Error::other(format!("the guard /bin/sh can't be started: {error}")))?;
        let id = guard.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("the guard has ended"))?;
        Ok(Self { guard, id })
    }

    /// Makes the command's process a member of the group.
    pub(super) fn add(&self, command: &mut Command) {
        command.process_group(self.id.as_raw_nonzero().get());
    }

    /// Sends SIGTERM to the group. The guard ignores it.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills the group and its guard.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits for the end of the guard after [`ProcessGroup::kill`].
    pub(super) async fn ended(mut self) {
        let _ = self.guard.wait().await;
    }

    fn signal(&self, signal: Signal) {
        // The only error is that the group has ended.
        let _ = kill_process_group(self.id, signal);
    }
}
