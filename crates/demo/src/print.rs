//! The demo's output.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the demo prints for a person")]

use std::error::Error;
use std::time::Duration;

/// The title of a step.
pub(crate) fn step(text: &str) {
    println!("\n\u{25b8} {text}");
}

/// A line of a step.
pub(crate) fn line(text: &str) {
    println!("  {text}");
}

/// The last line of a step, with its duration.
pub(crate) fn done(text: &str, duration: Duration) {
    println!("  {text} ({:.1} s)", duration.as_secs_f32());
}

/// The error that ends the demo.
pub(crate) fn failure(error: &dyn Error) {
    eprintln!("\n\u{2717} the demo failed: {error}");
}
