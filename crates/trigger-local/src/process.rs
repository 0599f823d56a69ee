//! One attempt of a run: a program and all that it starts.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::group::Group;
use super::output;
use super::plan::Plan;
use super::variables;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::run::RunId;

/// How long the rest of the log is waited for. All of the group is dead by then; only a process that left the group
/// can still hold the pipe open.
const REST_OF_LOG: Duration = Duration::from_secs(2);

/// A running program and all that it starts.
pub(super) struct Process {
    program: Child,
    group: Group,
    log: JoinHandle<()>,
}

impl Process {
    /// Starts the command; what it prints goes into the book.
    pub(super) fn start(
        command: &[String],
        plan: &Plan,
        book: &Arc<LogBuffers>,
        id: &RunId,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let group = Group::start()?;
        // One pipe for both streams keeps them in the order in which they were written.
        let (reader, writer) = io::pipe()?;
        let log = Receiver::from_owned_fd(reader.into())?;
        let mut command = Command::new(program);
        group.admit(&mut command);
        command.args(arguments).kill_on_drop(true);
        command.env_clear().envs(variables::inherited()).envs(&plan.variables);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        if let Some(directory) = &plan.directory {
            command.current_dir(directory);
        }
        let program = command.spawn()?;
        // The command holds this program's ends of the pipe, which would never close.
        drop(command);
        let log = tokio::spawn(output::keep(log, Arc::clone(book), id.clone()));
        Ok(Self { program, group, log })
    }

    /// Waits until the program ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.program.wait().await
    }

    /// Ends what still runs, and waits for the rest of the log. A program that has not ended by itself gets SIGTERM, and
    /// SIGKILL after `grace`. What it has left behind is killed, as at the end of a container's first process.
    pub(super) async fn end(mut self, grace: Duration) {
        if self.program.id().is_some() {
            self.group.terminate();
            // Killed below when it takes longer.
            let _ = timeout(grace, self.program.wait()).await;
        }
        self.group.kill();
        let _ = self.program.wait().await;
        if timeout(REST_OF_LOG, &mut self.log).await.is_err() {
            self.log.abort();
        }
        self.group.ended().await;
    }
}
