//! What the commands print: results on standard output, and what happens meanwhile on standard error.

pub mod table;
pub mod times;

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;
use crate::outcome::Outcome;

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// The document of trigger-api, as JSON
    Json,
    /// The same document, as YAML
    Yaml,
    /// Only the names or ids, one per line
    Name,
}

impl Format {
    /// Prints a document in this form. `names` and `text` make the forms that are not the document itself.
    ///
    /// # Errors
    /// When standard output can't be written.
    pub fn print(
        self,
        document: &Value,
        names: impl FnOnce() -> Vec<String>,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::Table => print(&text()),
            Self::Name => names().iter().try_for_each(|name| print(name)),
            Self::Json => print(&format!("{document:#}")),
            Self::Yaml => {
                let yaml = serde_saphyr::to_string(document);
                let yaml = yaml.map_err(|error| Failure::new(Outcome::Unknown, error.to_string()))?;
                print(yaml.trim_end())
            }
        }
    }
}

/// Prints lines on standard output.
///
/// # Errors
/// When standard output can't be written.
pub fn print(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    write(text.as_bytes()).and_then(|()| if text.ends_with('\n') { Ok(()) } else { write(b"\n") })
}

/// Writes bytes to standard output as they are.
///
/// # Errors
/// When standard output can't be written.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::closed_output(),
        _ => Failure::new(Outcome::Unknown, format!("standard output can't be written: {error}")),
    })
}

/// Prints a line on standard error. If nobody reads it, the command continues.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
