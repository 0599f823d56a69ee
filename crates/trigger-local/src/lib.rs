//! Runs the Jobs of CronJobs as child processes of trigger-api, for the demo and for development: the whole API, without
//! a cluster.
//!
//! The CronJobs are read from YAML files. The files are read again for each run, so an edited file takes effect with the
//! next run.
//!
//! # Supported fields
//!
//! The first container of the Job's template is executed: its `command` and `args`, or, without a `command`, the local
//! program that the settings name for its image, followed by its `args`. These fields have their usual effect:
//!
//! - `env` and `envFrom`: values with `$(VAR)`, ConfigMaps that are in the files, and the namespace and the Job's name as
//!   `fieldRef`. Every other variable, such as one of a Secret, needs a value in the settings;
//! - `workingDir`;
//! - `restartPolicy`, `backoffLimit`, and the rules on exit codes of `podFailurePolicy`;
//! - `activeDeadlineSeconds` of the Job and of the pod;
//! - `terminationGracePeriodSeconds`, up to 10.
//!
//! A field that would change what the program does and is not supported, such as a volume or a second container,
//! rejects the run with an error that names the field. Fields that only matter to a cluster are ignored.
//!
//! # Differences from a cluster
//!
//! - The schedule starts no runs; only requests do.
//! - Retries are delayed by 1, 2, 4, ... 30 seconds; Kubernetes begins with 10. `backoffLimit` counts attempts, also with
//!   `restartPolicy: OnFailure`.
//! - A missing program fails its run immediately; a cluster keeps pulling the image.
//! - Runs end with trigger-api and are then `interrupted`. If trigger-api is killed with SIGKILL, a guard process kills
//!   the process group of each run, and the next start of trigger-api records the runs as interrupted. A store must
//!   therefore belong to one such program only. A process that left its process group survives.
//!
//! # Processes
//!
//! Each attempt has a process group of its own, and the whole group is killed when the attempt's program ends. Of the
//! environment of trigger-api, a run inherits only `PATH`, `HOME`, `TZ`, `LANG` and `SSL_CERT_FILE`.

mod config;
mod executor;
mod expand;
mod failure_policy;
mod field_error;
mod fields;
mod manifest;
mod manifest_files;
mod outcome;
mod output;
mod plan;
mod process;
mod process_group;
mod registry;
mod supervisor;
mod variables;

pub use self::config::{LocalConfig, Program};
pub use self::executor::LocalExecutor;
