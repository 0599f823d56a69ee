//! The command line.

use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::VARIABLES;
use crate::outcome;
use crate::output::Format;

/// Starts, follows and cancels runs, and reports the state of the release.
///
/// It finds trigger-api by TRADEOPS_URL, or in the cluster of KUBECONFIG through a port-forward of its own.
#[derive(Debug, Parser)]
#[command(name = "tradeops", version, propagate_version = true, after_help = after_help())]
pub struct Cli {
    /// The namespace of the release
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The name of the release
    #[arg(long, global = true, value_name = "NAME")]
    pub release: Option<String>,
    /// The form of the output
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub output: Format,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the targets, or show one with its parameters
    Targets {
        /// The target to show
        target: Option<String>,
    },
    /// Start a run of a target, or of the default target
    #[command(alias = "start-run")]
    Trigger(TriggerArgs),
    /// List runs, scheduled and manual, newest first
    Runs(RunsArgs),
    /// Show a run
    Run {
        /// The run's id, or the name of its Job
        run: String,
    },
    /// Print the log of a run; without a run, the log of trigger-api
    Logs(LogsArgs),
    /// Cancel a run: its pods and its Job are deleted
    Cancel {
        /// The run's id, or the name of its Job
        run: String,
        /// Wait until its pods have stopped
        #[arg(long)]
        wait: bool,
    },
    /// Start the target of a run again, with the run's parameters
    Retry {
        /// The run's id, or the name of its Job
        run: String,
        /// How to start it
        #[command(flatten)]
        start: StartArgs,
    },
    /// Analyze the portfolio of a day, wait for the end, and print the totals
    Analyse {
        /// The day, YYYY-MM-DD; the newest day of the views if absent
        date: Option<String>,
        /// The number of days that the report covers
        #[arg(long, value_name = "NUMBER")]
        days: Option<u32>,
        /// Give up waiting after this time, such as 90s or 10m; the run continues
        #[arg(long, value_name = "TIME", value_parser = duration)]
        timeout: Option<Duration>,
    },
    /// Show who you are for trigger-api, and what you may do
    Whoami,
    /// Show the release, its runs and its problems, and what to do next
    Status,
    /// Check the cluster, your rights, the release and its Secrets, and say how to fix what is missing
    Doctor {
        /// Also run `trades-sync check` in the cluster, which connects to the database and the receiver
        #[arg(long)]
        connect: bool,
        /// Also check this machine for the programs with which a checkout is built and deployed
        #[arg(long)]
        machine: bool,
    },
    /// Forward ports of this machine to the release until Ctrl-C
    PortForward {
        /// The port of this machine; 0 is any free port
        #[arg(long, value_name = "PORT")]
        port: Option<u16>,
    },
    /// Remove the release's pods and suspend its schedules; runs in progress continue
    Stop,
    /// Restore what was stopped
    Start,
    /// Replace the release's pods one by one
    Restart,
    /// Print a document of the release's HTTP API, such as /api/registry of monitor-api
    Get {
        /// The path, with its query
        path: String,
    },
    /// Print the completion script of a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// The arguments of a start.
#[derive(Args, Debug)]
pub struct TriggerArgs {
    /// The target; the default target if absent
    pub target: Option<String>,
    /// Values of the target's parameters
    #[arg(value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// How to start it
    #[command(flatten)]
    pub start: StartArgs,
}

/// The options of commands that start a run.
#[derive(Args, Debug)]
pub struct StartArgs {
    /// Why the run is started; kept with the run
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait until the run has ended; the exit code is its outcome
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after this time, such as 90s or 10m; the run continues
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "wait")]
    pub timeout: Option<Duration>,
}

/// The conditions of a list of runs.
#[derive(Args, Debug)]
pub struct RunsArgs {
    /// Only runs of these targets
    pub targets: Vec<String>,
    /// Only runs in these states, separated by commas
    #[arg(long, value_name = "STATE", value_delimiter = ',',
          value_parser = ["pending", "running", "unknown", "succeeded", "failed", "cancelled", "interrupted"])]
    pub state: Vec<String>,
    /// Only scheduled or manual runs
    #[arg(long, value_parser = ["scheduled", "manual"])]
    pub trigger: Option<String>,
    /// Only runs that this caller has started
    #[arg(long, value_name = "CALLER")]
    pub requested_by: Option<String>,
    /// Only runs created at this time or later: 2026-02-11, 2026-02-11T14:00:00Z, or a time ago, such as 2h or 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only runs created before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only runs whose reason, cause or Job name contains this text
    #[arg(short, long, value_name = "TEXT")]
    pub search: Option<String>,
    /// The maximum number of runs
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
}

/// The arguments of `logs`.
#[derive(Args, Debug)]
pub struct LogsArgs {
    /// The run's id, or the name of its Job. In the release aegis-trader, a component, such as nats
    pub run: Option<String>,
    /// Follow the log until the run has ended; the exit code is its outcome
    #[arg(short, long, requires = "run")]
    pub follow: bool,
    /// Only the output of this container
    #[arg(short, long, value_name = "NAME", requires = "run")]
    pub container: Option<String>,
    /// Only the last lines
    #[arg(long, value_name = "NUMBER")]
    pub tail: Option<u32>,
}

/// A time such as `90s`, `10m` or `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed =
        text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "use a time such as 90s, 10m or 1h".to_owned())
}

fn after_help() -> String {
    let variables = common::config::help(&VARIABLES);
    let variables = variables.replacen(", or the same names in the file of --config", "", 1);
    format!("{variables}\n\n{}", outcome::help())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, duration};

    #[test]
    fn the_command_line_is_consistent_and_its_help_has_the_exit_codes() {
        Cli::command().debug_assert();
        let help = Cli::command().render_long_help().to_string();
        assert!(help.contains("TRADEOPS_TOKEN") && help.contains("130  Ctrl-C"), "{help}");
        assert!(!help.contains("--config"), "{help}");
    }

    #[test]
    fn a_time_has_a_unit_and_is_not_negative() {
        assert_eq!(duration("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("1h 30m").map(|time| time.as_secs()), Ok(5400));
        for wrong in ["", "90", "-3s", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
