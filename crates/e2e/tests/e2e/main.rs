//! What operators and the trading stack see of a deployed platform: real images in real pods, installed by
//! `scripts/deploy.sh` on the cluster of `KUBECONFIG`, or on one of `scripts/cluster.sh` that comes and goes with the tests.
//!
//! A story is a test. They run side by side and share two releases in two namespaces; what changes a release has one of its own.

mod admission;
mod analysis;
mod clock;
mod cluster;
mod failing;
mod lifecycle;
mod neighbours;
mod parts;
mod release;
mod shell;
mod shipping;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use crate::world::World;

/// A test on the world that all of them share.
type Story = fn(&'static World);

// scripts/test.sh counts these lines when there is no node to run them on.
const STORIES: &[(&str, Story)] = &[
    ("a_release_is_installed_upgraded_rolled_back_and_leaves_nothing_behind", lifecycle::story),
    ("the_clock_starts_runs_that_the_api_shows_like_any_other", clock::story),
    ("an_operator_starts_a_run_and_what_arrives_is_what_the_views_have", shipping::story),
    ("the_cronjob_of_the_analysis_waits_for_it_and_ends_as_it_does", analysis::story),
    ("a_run_that_fails_shows_its_state_its_cause_and_its_log", failing::story),
    ("two_releases_live_side_by_side_and_know_nothing_of_each_other", neighbours::story),
    ("a_stolen_token_runs_nothing_but_the_targets", admission::story),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They wait for the cluster nearly all of the time.
    arguments.test_threads.get_or_insert(STORIES.len());
    // For as long as the process.
    let world: &'static World = Box::leak(Box::default());
    let trials = STORIES.iter().map(|(name, story)| {
        Trial::test(*name, move || {
            catch_unwind(AssertUnwindSafe(|| story(world))).map_err(|panic| {
                world.explain();
                resume_unwind(panic)
            })
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    // Also what the world leaves behind is a test.
    let cleared = catch_unwind(AssertUnwindSafe(|| world.take_down()));
    if cleared.is_err() { ExitCode::FAILURE } else { conclusion.exit_code() }
}
