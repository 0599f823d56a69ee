//! Scenarios on a deployed platform: real images in real pods, installed by `scripts/deploy.sh` on the cluster of `KUBECONFIG`,
//! or on one that `scripts/cluster.sh` creates for these tests.
//!
//! Each scenario is a test. The scenarios run at the same time and share two releases in two namespaces; a scenario that changes
//! a release, or that needs another chart, deploys its own. All that they share belongs to the environment, which is this program started with the argument
//! `environment`: nextest runs each scenario in a process of its own.

mod admission;
mod analysis;
mod cluster;
mod command;
mod environment;
mod failed_run;
mod http;
mod lifecycle;
mod registry;
mod release;
mod schedule;
mod serve;
mod services;
mod sync;
mod test_env;
mod two_releases;
mod wait;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::test_env::TestEnv;

type Scenario = fn(&'static TestEnv);

const SCENARIOS: &[(&str, Scenario)] = &[
    ("a_release_is_installed_upgraded_rolled_back_and_leaves_nothing_behind", lifecycle::scenario),
    ("the_schedule_starts_runs_that_the_api_shows_like_manual_ones", schedule::scenario),
    ("an_operator_starts_a_run_that_stores_what_the_views_contain", sync::scenario),
    ("the_cronjob_of_the_analysis_waits_for_its_result", analysis::scenario),
    ("a_run_that_fails_shows_its_state_its_cause_and_its_log", failed_run::scenario),
    ("two_releases_on_one_cluster_are_isolated", two_releases::scenario),
    ("the_registry_shows_services_and_survives_a_restart_of_nats", registry::scenario),
    ("a_stolen_token_can_only_run_the_targets", admission::scenario),
];

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("environment") {
        return serve::serve();
    }
    let mut arguments = Arguments::from_args();
    // Scenarios wait for the cluster most of the time.
    arguments.test_threads.get_or_insert(SCENARIOS.len());
    let trials = SCENARIOS.iter().map(|(name, scenario)| {
        Trial::test(*name, move || {
            let env = TestEnv::shared();
            catch_unwind(AssertUnwindSafe(|| scenario(env))).map_err(|panic| {
                env.print_namespaces();
                resume_unwind(panic)
            })
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // An environment that can't be removed completely is a failure too.
    if TestEnv::stop_own_environment() { conclusion.exit_code() } else { ExitCode::FAILURE }
}
