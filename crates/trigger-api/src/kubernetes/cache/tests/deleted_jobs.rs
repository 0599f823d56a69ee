//! Jobs that were deleted and whose pods have not stopped.

use super::*;

/// A cache in which the Job `a` was removed while its pod `one` is running.
fn with_removed_job() -> ClusterCache {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    cache.apply_pod(running_pod("one", "a"), now());
    let run = cache.remove_job(job("a", 2), now()).unwrap();
    assert_eq!((run.state, run.is_being_cancelled()), (State::Running, true));
    assert_eq!(cache.runs(&sync()).len(), 1);
    assert_eq!(cache.runs_of_deleted_jobs(NAMESPACE).len(), 1);
    cache
}

#[test]
fn a_removed_job_stays_an_active_run_until_its_pods_have_stopped() {
    let mut orphan = serde_json::to_value(failed_pod("one", "a")).unwrap();
    orphan["metadata"]["ownerReferences"] = json!([]);
    orphan["metadata"]["labels"] = json!({ "batch.kubernetes.io/controller-uid": "a" });
    let orphan = || serde_json::from_value(orphan.clone()).unwrap();
    let ends: [fn(&mut ClusterCache, PodObject) -> Option<Run>; 5] = [
        |cache, _| cache.remove_pod(failed_pod("one", "a"), now()),
        |cache, _| cache.apply_pod(failed_pod("one", "a"), now()),
        |cache, orphan| cache.apply_pod(orphan, now()),
        |cache, _| cache.replace_pods(&id("a"), Vec::new(), now()),
        |cache, _| {
            let listing = cache.begin_listing();
            cache.end_pod_listing(NAMESPACE, listing, now()).pop()
        },
    ];
    for end in ends {
        let mut cache = with_removed_job();
        assert_eq!(cache.apply_job(job("a", 1), now()), None, "an older version");
        let listing = cache.begin_listing();
        assert!(cache.end_job_listing(NAMESPACE, listing, now()).is_empty());
        let ended = end(&mut cache, orphan()).unwrap();
        assert_eq!((ended.state, ended.cause.unwrap().reason.as_str()), (State::Cancelled, "JobDeleted"));
        assert!(!cache.has_job(&id("a")) && cache.pods(&id("a")).is_empty());
    }
    let mut cache = with_removed_job();
    assert_eq!(cache.replace_pods(&id("a"), vec![running_pod("one", "a")], now()), None);
    assert!(cache.has_job(&id("a")));
}

#[test]
fn a_job_that_was_deleted_unobserved_is_an_active_run_while_its_pods_exist() {
    let manual = json!({ INSTANTIATE: "manual" });
    let run = cache().apply_job(job_with("a", 1, "/metadata/annotations", manual), now()).unwrap();
    let mut cache = cache();
    assert_eq!(cache.apply_deleted_job(&run, vec![failed_pod("one", "a")], now()), None);
    assert!(!cache.has_job(&id("a")) && cache.pods(&id("a")).is_empty());
    let active = cache.apply_deleted_job(&run, vec![running_pod("one", "a")], now()).unwrap();
    assert_eq!((active.state, active.is_being_cancelled()), (State::Running, true));
    assert_eq!(
        (active.trigger, active.job_name, active.created_at),
        (run.trigger, run.job_name, run.created_at)
    );
    assert_eq!(cache.remove_pod(failed_pod("one", "a"), now()).unwrap().state, State::Cancelled);
}

#[test]
fn a_job_that_a_list_does_not_contain_is_active_until_its_pods_have_stopped() {
    let mut cache = cache();
    cache.apply_job(job("a", 1), now());
    cache.apply_pod(running_pod("one", "a"), now());
    let listing = cache.begin_listing();
    let changed = cache.end_job_listing(NAMESPACE, listing, now());
    assert!(matches!(&changed[..], [run] if run.is_being_cancelled()), "{changed:?}");
    assert_eq!(cache.remove_pod(failed_pod("one", "a"), now()).unwrap().state, State::Cancelled);
    assert!(!cache.has_job(&id("a")));
}

#[test]
fn a_deleted_job_stays_part_of_the_generation() {
    let mut cache = cache();
    let target = sync().name;
    assert_eq!(cache.generation(&target), "");
    cache.apply_job(job("a", 1), now());
    let first = cache.generation(&target);
    let run = cache.remove_job(job("a", 2), now()).unwrap();
    assert_eq!(cache.generation(&target), first);
    let mut restarted = ClusterCache::new(&[sync()]);
    restarted.remember(&run);
    assert_eq!(restarted.generation(&target), first, "known from the history");
}
