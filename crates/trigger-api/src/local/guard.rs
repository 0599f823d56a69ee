//! Ends a run's processes when the API ends without having done it, by SIGKILL say.

use std::io;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Waits for a line. When the pipe closes before one came, whoever held its other end is gone, and the group goes too.
const SCRIPT: &str = r#"read -r line || kill -s KILL -- "-$1""#;

/// A shell that watches over one process group.
pub(super) struct Guard(Child);

impl Guard {
    /// Sets a guard over a group. It is in a group of its own, so that Ctrl-C in a terminal doesn't reach it.
    pub(super) fn over(group: Pid) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "guard", &group.as_raw_nonzero().to_string()]);
        command.env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// Lets it go: its group has ended.
    pub(super) async fn release(mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // One that is gone can't be written to, and need not be.
            let _ = pipe.write_all(b"ended\n").await;
        }
        let _ = self.0.wait().await;
    }
}
