//! What can be done with the ServiceAccount of trigger-api, as it is deployed.

use std::time::{Duration, Instant};

use crate::world::World;

pub(crate) fn story(world: &'static World) {
    let release = world.first();
    let account = format!("--as=system:serviceaccount:{}:trigger-api-sa", release.namespace);
    let job = ["create", "job", "evil", "--image=evil", &account];
    let said = release.try_kubectl(&job).refused();
    assert!(said.contains("trigger-api may create and delete only Jobs of its targets"), "{said}");

    // The template, but for what it runs.
    let manifest = release.kubectl(&[
        "create",
        "job",
        "trades-sync-midday-a123456789",
        "--from=cronjob/trades-sync-midday",
        "--dry-run=client",
        "--output=json",
    ]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("job.json");
    let image = format!("trades-sync:{}", world.images().tag);
    let create = |manifest: &str| {
        std::fs::write(&file, manifest).expect("the folder is ours");
        let file = file.to_str().expect("a path in UTF-8");
        release.try_kubectl(&["create", "--dry-run=server", "--filename", file, &account])
    };
    assert!(manifest.contains(&image), "{manifest}");
    // The server learns of a new release's policies and CronJobs a moment after it. The asking takes long enough to be no busy loop.
    let evil = manifest.replace(&image, "evil:1");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut said = create(&evil);
    while said.succeeded && Instant::now() < deadline {
        said = create(&evil);
    }
    let said = said.refused();
    assert!(said.contains("the Job's pods are not those of the CronJob's template"), "{said}");
    create(&manifest).well();

    for forbidden in [["get", "secrets"], ["delete", "cronjobs"], ["create", "pods"]] {
        let can = release.try_kubectl(&["auth", "can-i", forbidden[0], forbidden[1], &account]);
        assert!(!can.succeeded, "it may {forbidden:?}");
    }
}
