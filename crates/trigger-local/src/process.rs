//! The processes of one attempt of a run.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use trigger_core::log_buffers::LogBuffers;
use trigger_core::log_text::LogSource;
use trigger_core::run::RunId;

use super::output;
use super::plan::Plan;
use super::process_group::ProcessGroup;
use super::variables;

/// The time limit for the rest of the log after the group is killed. Only a process that left the group can still hold
/// the pipe open.
const LOG_TIMEOUT: Duration = Duration::from_secs(2);

/// A program and the processes that it started.
pub(super) struct Process {
    program: Child,
    group: ProcessGroup,
    log: JoinHandle<()>,
}

impl Process {
    /// Starts the command. Its output goes to the log buffers.
    pub(super) fn start(
        command: &[String],
        plan: &Plan,
        logs: &Arc<LogBuffers>,
        id: &RunId,
        source: LogSource,
    ) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let group = ProcessGroup::start()?;
        // One pipe for both streams preserves the order of their lines.
        let (reader, writer) = io::pipe()?;
        let log = Receiver::from_owned_fd(reader.into())?;
        let mut command = Command::new(program);
        group.add(&mut command);
        command.args(arguments).kill_on_drop(true);
        command.env_clear().envs(variables::inherited()).envs(&plan.variables);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        if let Some(directory) = &plan.working_dir {
            command.current_dir(directory);
        }
        let program = command.spawn()?;
        // The command still holds write ends of the pipe, which would keep it open.
        drop(command);
        let log = tokio::spawn(output::copy(log, Arc::clone(logs), id.clone(), Arc::new(source)));
        Ok(Self { program, group, log })
    }

    /// Waits until the program exits by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.program.wait().await
    }

    /// Ends all processes and waits for the rest of the log. A program that still runs gets SIGTERM, and SIGKILL after its
    /// grace period. Processes that the program left behind are killed, as in a container whose first process exits.
    pub(super) async fn end(mut self, grace_period: Duration) {
        if self.program.id().is_some() {
            self.group.terminate();
            // After the grace period, the group is killed below.
            let _ = timeout(grace_period, self.program.wait()).await;
        }
        self.group.kill();
        let _ = self.program.wait().await;
        if timeout(LOG_TIMEOUT, &mut self.log).await.is_err() {
            self.log.abort();
        }
        self.group.ended().await;
    }
}
