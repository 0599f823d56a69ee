//! Child processes that end with this one.

use std::process::{Child, ChildStdin};

/// A running program that ends when its standard input is closed: on drop, or with this process.
#[derive(Debug)]
pub(crate) struct GuardedChild {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl GuardedChild {
    /// Guards a child that was spawned with a piped standard input.
    pub(crate) fn new(mut child: Child) -> Self {
        let stdin = child.stdin.take();
        Self { child, stdin }
    }

    /// Ends the program and waits for it.
    pub(crate) fn end(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}

impl Drop for GuardedChild {
    fn drop(&mut self) {
        self.end();
    }
}
