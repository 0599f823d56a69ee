//! The built program.

use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program in an environment of these variables.
pub(crate) fn tradeops(variables: &[(&str, &str)], arguments: &[&str]) -> Answer {
    let Output { status, stdout, stderr } =
        command(variables, arguments).output().expect("the program is built");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Answer { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn command(variables: &[(&str, &str)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradeops"));
    command.env_clear().envs(variables.iter().copied()).args(arguments).stdin(Stdio::null());
    command
}

impl Answer {
    /// Asserts the exit code; returns the answer.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Asserts that the result has each text.
    #[track_caller]
    pub(crate) fn prints(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stdout.contains(text), "{text:?} is missing: {self:?}");
        }
        self
    }

    /// Asserts that standard error has each text.
    #[track_caller]
    pub(crate) fn reports(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is missing: {self:?}");
        }
        self
    }

    /// The result as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The program while it runs. It is killed on drop.
pub(crate) struct Running {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
    messages: BufReader<ChildStderr>,
    /// The messages that were read already.
    read: String,
}

impl Running {
    pub(crate) fn start(variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = command(variables, arguments);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program is built");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let messages = BufReader::new(child.stderr.take().expect("it is piped"));
        Self { child, lines: Some(lines), messages, read: String::new() }
    }

    /// Closes its standard output, and waits for its end.
    pub(crate) fn close_output(mut self) -> Answer {
        self.lines = None;
        self.end()
    }

    /// The next line of its result.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        self.lines
            .as_mut()
            .and_then(Iterator::next)
            .expect("the program prints more")
            .expect("it prints UTF-8")
    }

    /// Waits for a message with the text.
    #[track_caller]
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        while !self.read.contains(text) {
            let length = self.messages.read_line(&mut self.read).expect("it prints UTF-8");
            assert!(length > 0, "{text:?} is missing: {}", self.read);
        }
    }

    /// Sends it SIGINT.
    pub(crate) fn interrupt(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::INT).expect("the process runs");
    }

    /// Waits for its end; `stdout` has the rest.
    pub(crate) fn end(mut self) -> Answer {
        let rest: Vec<String> = self.lines.iter_mut().flatten().map_while(Result::ok).collect();
        let mut stderr = std::mem::take(&mut self.read);
        self.messages.read_to_string(&mut stderr).expect("the program prints UTF-8");
        let code = self.child.wait().expect("it is a child").code();
        Answer { code, stdout: rest.join("\n"), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
