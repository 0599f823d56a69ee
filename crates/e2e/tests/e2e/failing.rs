//! A run that can't succeed: the database's URL is none.

use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let release = world.second();
    let api = release.api(world);
    let run = api.run("trades-sync-midday");
    assert_eq!((&run["state"], &run["cause"]["exit_code"]), (&"failed".into(), &2.into()), "{run}");
    assert_eq!(run["cause"]["reason"], "ExitCode", "{run}");
    let id = run["run_id"].as_str().expect("a run has an id");
    let log = api.text(&format!("/v1/runs/{id}/logs"));
    assert!(log.contains("DATABASE_URL"), "{log}");

    // It is what an operator sees, who also learns it by the exit code.
    let said = release.script("operate.sh", &["logs", id]);
    assert!(
        !said.succeeded && said.stdout.contains("DATABASE_URL") && said.stdout.contains("-- failed: "),
        "{said:?}"
    );
}
