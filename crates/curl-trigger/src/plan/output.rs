//! What is printed where.

use alloc::string::{String, ToString};

use crate::{
    environment::Environment,
    exit::Failure,
    files::{ReadFile, read_text},
    options::Options,
};

/// Where the kubelet reads a container's termination message by default.
pub const TERMINATION_LOG: &str = "/dev/termination-log";

/// The file for the termination message.
#[derive(Clone, Debug)]
pub struct TerminationLog {
    /// The path.
    pub path: String,
    /// The environment names the path. The program creates only such a file: in a pod, the kubelet has created
    /// the default one.
    pub is_explicit: bool,
}

impl TerminationLog {
    /// The file of `TERMINATION_MESSAGE_PATH`, else [`TERMINATION_LOG`].
    pub fn new(environment: &Environment<'_>) -> Self {
        let path = environment.non_empty("TERMINATION_MESSAGE_PATH");
        Self { path: path.unwrap_or(TERMINATION_LOG).to_string(), is_explicit: path.is_some() }
    }
}

/// What is printed where.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each one is an option of the command line")]
pub struct OutputOptions {
    /// `-o`; `None` is the standard output.
    pub file: Option<String>,
    /// `-D`; `-` is the standard output.
    pub header_file: Option<String>,
    /// `-i`, `-I`.
    pub include: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-s` without `-S`: print only the response.
    pub quiet: bool,
    /// Print the status line to the standard error, because none of `-s`, `-i` and `-v` is given.
    pub status_line: bool,
    /// `-w`.
    pub write_out: Option<String>,
    /// A second place for the outcome line.
    pub termination_log: TerminationLog,
}

/// The output options; reads the file of `-w`.
pub(super) fn options(
    options: &Options,
    environment: &Environment<'_>,
    files: &mut dyn ReadFile,
) -> Result<OutputOptions, Failure> {
    let write_out = match options.write_out.as_deref().map(|format| (format, format.strip_prefix('@'))) {
        Some((_, Some(path))) => Some(read_text(files, path, "the --write-out file")?),
        Some((format, None)) => Some(format.to_string()),
        None => None,
    };
    Ok(OutputOptions {
        file: options.output.clone().filter(|path| path != "-"),
        header_file: options.dump_header.clone(),
        include: options.include || options.head,
        verbose: options.verbose,
        quiet: options.silent && !options.show_error,
        status_line: !options.silent && !options.include && !options.head && !options.verbose,
        write_out,
        termination_log: TerminationLog::new(environment),
    })
}
