//! A process group that ends with this program, however that ends.

use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// Waits for a line that never comes. The pipe closes when this program is gone, by SIGKILL say, and then all of the
/// group goes. What the program's processes send to their group must not end the guard before.
const GUARD: &str = "trap '' HUP INT QUIT TERM; read -r line || kill -s KILL 0";

/// A group, led by a shell that guards it. The guard is there before the first program of the group is started, and the
/// pipe to it is open in that program's process until the program itself runs, as a member: there is no moment
/// at which a SIGKILL of this program would leave it behind. As the leader is reaped last, no other group can get the
/// group's number meanwhile.
pub(super) struct Group {
    guard: Child,
    id: Pid,
}

impl Group {
    /// An empty group with its guard. It is not the terminal's, so Ctrl-C doesn't reach it.
    pub(super) fn start() -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", GUARD]).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let guard = command.spawn();
        let guard = guard.map_err(|error| io::Error::other(format!("its guard needs /bin/sh: {error}")))?;
        let id = guard.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| io::Error::other("its guard has ended"))?;
        Ok(Self { guard, id })
    }

    /// Has the command's process be a member of the group.
    pub(super) fn admit(&self, command: &mut Command) {
        command.process_group(self.id.as_raw_nonzero().get());
    }

    /// Asks all of the group to end.
    pub(super) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends all of the group, the guard too.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Waits for the end of the guard after [`Group::kill`].
    pub(super) async fn ended(mut self) {
        let _ = self.guard.wait().await;
    }

    /// A group that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.id, signal);
    }
}
