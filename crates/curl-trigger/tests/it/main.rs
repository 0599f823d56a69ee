//! Runs the real program, as a Kubernetes Job does, against servers that misbehave in many ways.
//!
//! The tests need Debian's `curl`, which defines the meaning of the options and exit codes.

mod as_curl;
mod environment;
mod hostile;
mod image;
mod names;
mod options_as_curl;
mod outcome;
mod output_files;
mod own_root;
mod retries_as_curl;
mod secure;
mod support;
mod waiting;
