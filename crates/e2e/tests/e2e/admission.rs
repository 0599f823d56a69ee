//! What the token of trigger-api's ServiceAccount can be used for.

use std::time::{Duration, Instant};

use crate::test_env::TestEnv;

pub(crate) fn scenario(env: &'static TestEnv) {
    let release = env.first();
    let account = format!("--as=system:serviceaccount:{}:trigger-api-sa", release.namespace);
    let job = ["create", "job", "evil", "--image=evil", &account];
    let error = release.try_kubectl(&job).expect_failure();
    assert!(error.contains("trigger-api may create and delete only Jobs of its targets"), "{error}");

    // The Job of a target is accepted, but not with another image.
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
    let image = format!("trades-sync:{}", env.environment.images.tag);
    let create = |manifest: &str| {
        std::fs::write(&file, manifest).expect("the folder is ours");
        let file = file.to_str().expect("a path in UTF-8");
        release.try_kubectl(&["create", "--dry-run=server", "--filename", file, &account])
    };
    assert!(manifest.contains(&image), "{manifest}");
    // The API server applies new policies after a delay. Each attempt takes long enough not to be a busy loop.
    let evil = manifest.replace(&image, "evil:1");
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut output = create(&evil);
    while output.succeeded && Instant::now() < deadline {
        output = create(&evil);
    }
    let error = output.expect_failure();
    assert!(error.contains("the Job's pods are not those of the CronJob's template"), "{error}");
    create(&manifest).expect_success();

    for forbidden in [["get", "secrets"], ["delete", "cronjobs"], ["create", "pods"]] {
        let can = release.try_kubectl(&["auth", "can-i", forbidden[0], forbidden[1], &account]);
        assert!(!can.succeeded, "trigger-api may {forbidden:?}");
    }
}
