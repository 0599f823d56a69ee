use super::*;

fn run(state: State, reason: Option<&str>) -> Run {
    let (id, target) = (RunId::new("a"), "sync".parse().unwrap());
    let run =
        Run::pending(id, target, "trading", "sync-a".to_owned(), Trigger::Manual, Timestamp::UNIX_EPOCH);
    let cause = reason.map(|reason| Cause::new(reason, "Why."));
    Run { state, cause, finished_at: state.is_final().then_some(Timestamp::UNIX_EPOCH), ..run }
}

type Observed = (State, Option<&'static str>);

fn merged(stored: Observed, observed: Observed) -> (State, Option<String>, bool) {
    let merged = run(stored.0, stored.1).merged(&run(observed.0, observed.1));
    (merged.state, merged.cause.map(|cause| cause.reason), merged.finished_at.is_some())
}

#[test]
fn a_cancellation_is_the_cause_until_the_run_has_ended_in_whichever_order_it_is_observed() {
    use State::{Cancelled, Failed, Pending, Running, Succeeded};
    let (requested, deleted) = (Some(CANCELLED_ON_REQUEST), Some(JOB_DELETED));
    for (stored, observed, expected) in [
        ((Running, None), (Running, requested), (Running, requested)),
        // The request was made when the run was still pending.
        ((Running, None), (Pending, requested), (Running, requested)),
        ((Running, None), (Running, deleted), (Running, deleted)),
        ((Running, deleted), (Running, requested), (Running, requested)),
        ((Running, requested), (Running, deleted), (Running, requested)),
        ((Running, requested), (Running, None), (Running, requested)),
        ((Running, requested), (Running, Some(REPLACED)), (Running, requested)),
        ((Running, deleted), (Running, Some("Retrying")), (Running, deleted)),
        ((Running, requested), (Cancelled, deleted), (Cancelled, requested)),
        ((Running, deleted), (Cancelled, deleted), (Cancelled, deleted)),
        // The end was observed before the request was stored.
        ((Cancelled, deleted), (Running, requested), (Cancelled, requested)),
        ((Cancelled, deleted), (Cancelled, Some(ROLLED_BACK)), (Cancelled, Some(ROLLED_BACK))),
        ((Cancelled, requested), (Cancelled, deleted), (Cancelled, requested)),
        ((Cancelled, requested), (Running, Some(REPLACED)), (Cancelled, requested)),
        // The Job had completed when the request arrived.
        ((Running, requested), (Succeeded, None), (Succeeded, None)),
        ((Running, requested), (Failed, Some("ExitCode")), (Failed, Some("ExitCode"))),
        ((Succeeded, None), (Running, requested), (Succeeded, None)),
    ] {
        let (state, cause, has_end) = merged(stored, observed);
        assert_eq!((state, cause.as_deref()), expected, "{stored:?} {observed:?}");
        assert_eq!(has_end, state.is_final(), "{stored:?} {observed:?}");
    }
}

#[test]
fn a_running_run_stays_running_and_its_suspension_begins_and_ends() {
    use State::{Pending, Running};
    let (suspended, retrying) = (Some(SUSPENDED), Some("Retrying"));
    for (stored, observed, cause) in [
        ((Running, retrying), (Pending, None), retrying),
        ((Running, None), (Pending, Some("PodNotCreated")), None),
        ((Running, retrying), (Pending, suspended), suspended),
        ((Running, retrying), (Running, suspended), suspended),
        ((Running, suspended), (Pending, None), None),
        ((Running, suspended), (Running, None), None),
        ((Running, retrying), (Running, None), None),
    ] {
        let (state, found, _) = merged(stored, observed);
        assert_eq!((state, found.as_deref()), (Running, cause), "{stored:?} {observed:?}");
    }
}

#[test]
fn callers_see_that_a_run_is_being_cancelled_until_it_has_ended() {
    let shown = |state, reason| {
        let cause = run(state, Some(reason)).shown_cause().unwrap();
        (cause.reason, cause.message)
    };
    for reason in [CANCELLED_ON_REQUEST, REPLACED, ROLLED_BACK, JOB_DELETED] {
        let message = "Why. The run ends when its pods have stopped.".to_owned();
        assert_eq!(shown(State::Running, reason), (CANCELLING.to_owned(), message));
        assert_eq!(shown(State::Cancelled, reason), (reason.to_owned(), "Why.".to_owned()));
    }
    assert_eq!(shown(State::Running, "Retrying"), ("Retrying".to_owned(), "Why.".to_owned()));
    assert_eq!(run(State::Running, None).shown_cause(), None);
}
