//! The real program, driven as a Kubernetes Job would drive it, against servers that misbehave in every way.
//!
//! Debian's `curl` is needed, as the measure of what the options and exit codes mean.

mod as_curl;
mod environment;
mod hostile;
mod image;
mod names;
mod outcome;
mod own_root;
mod secure;
mod support;
mod waiting;
