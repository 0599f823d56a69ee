//! What the demo says.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person is what the demo is for")]

use std::error::Error;
use std::time::Duration;

/// A step that begins.
pub(crate) fn step(text: &str) {
    println!("\n\u{25b8} {text}");
}

/// A line of a step.
pub(crate) fn line(text: &str) {
    println!("  {text}");
}

/// A step's end and the time it took.
pub(crate) fn done(text: &str, took: Duration) {
    println!("  {text} ({:.1} s)", took.as_secs_f32());
}

/// Why the demo failed.
pub(crate) fn failure(error: &dyn Error) {
    eprintln!("\n\u{2717} the demo failed: {error}");
}
