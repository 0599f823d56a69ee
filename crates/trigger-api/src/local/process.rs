//! One attempt of a run: a program in a process group of its own.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::guard::Guard;
use super::output;
use super::plan::Plan;
use super::variables;
use crate::domain::log_book::LogBook;
use crate::domain::run::RunId;

/// How long the rest of the log is waited for. All of the group is dead by then; only a process that left the group
/// can still hold the pipe open.
const REST_OF_LOG: Duration = Duration::from_secs(2);

/// A running program and all that it starts.
pub(super) struct Process {
    leader: Child,
    group: Pid,
    guard: Option<Guard>,
    log: JoinHandle<()>,
}

impl Process {
    /// Starts the command; what it prints goes into the book.
    pub(super) fn start(
        command: &[String],
        plan: &Plan,
        book: &Arc<LogBook>,
        id: &RunId,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        // One pipe for both streams keeps them in the order in which they were written.
        let (reader, writer) = io::pipe()?;
        let log = Receiver::from_owned_fd(reader.into())?;
        let mut command = Command::new(program);
        command.args(arguments).process_group(0).kill_on_drop(true);
        command.env_clear().envs(variables::inherited()).envs(&plan.variables);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        if let Some(directory) = &plan.directory {
            command.current_dir(directory);
        }
        let leader = command.spawn()?;
        // The command holds this program's ends of the pipe, which would never close.
        drop(command);
        let group = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = group.ok_or_else(|| io::Error::other("the process has no id"))?;
        let guard = Guard::over(group)
            .inspect_err(|error| tracing::warn!(%error, run.id = %id, "a run has no guard: it outlives a SIGKILL of this program"));
        let log = tokio::spawn(output::keep(log, Arc::clone(book), id.clone()));
        Ok(Self { leader, group, guard: guard.ok(), log })
    }

    /// Waits until the program ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.leader.wait().await
    }

    /// Ends what still runs, and waits for the rest of the log. A program that has not ended by itself gets SIGTERM, and
    /// SIGKILL after `grace`. What it has left behind is killed, as at the end of a container's first process.
    pub(super) async fn end(mut self, grace: Duration) {
        if self.leader.id().is_some() {
            self.signal(Signal::TERM);
            // Killed below when it takes longer.
            let _ = timeout(grace, self.leader.wait()).await;
        }
        self.signal(Signal::KILL);
        let _ = self.leader.wait().await;
        if timeout(REST_OF_LOG, &mut self.log).await.is_err() {
            self.log.abort();
        }
        if let Some(guard) = self.guard.take() {
            guard.release().await;
        }
    }

    /// A group that is gone already needs no signal.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }
}
