//! Child processes that live as long as this one.

use std::process::{Child, ChildStdin};

/// A running program that ends when its standard input is closed: on drop, or with this process.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Guarded {
    /// Takes over a child that was spawned with a piped standard input.
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

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
    }
}
