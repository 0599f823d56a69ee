"""A panel with a Sync button. It shows the target, the run that is followed, its log, and the last runs."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import streamlit as st

from fields import chosen_values, clear_fields, show_fields
from trigger_client import Document, Problem, TriggerClient
from wording import ICONS, OVERLAP, assignments, clock, headline, moment, plain, span, took, zone

FAST, RETURNING, SLOW = 1.0, 3.0, 10.0
"""Seconds between two refreshes: while a run is active, while trigger-api is unreachable, and otherwise."""

HISTORY = 8
PAUSE = 2.0
"""Seconds for which the button is disabled after a start, so that a double click does not start two runs."""

ACTIVE = {"pending", "running"}
"""The states that change soon: the run of a Job that trigger-api may not observe stays `unknown`."""


@dataclass
class Attempt:
    """One request for a run, with one idempotency key. Repeated clicks send the same request."""

    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    sent: tuple[str, dict[str, str]] | None = None
    """The reason and the parameters that were sent; trigger-api rejects the same key with others."""
    unclear: bool = False
    """Whether a response was lost, so the request may have started a run. True until the run is known."""
    done: bool = False
    """Whether its run is known."""


@dataclass
class State:
    """The state of one viewer's session."""

    attempt: Attempt = field(default_factory=Attempt)
    problem: Problem | None = None
    pace: float = SLOW
    started: float = float("-inf")


@st.cache_resource
def client() -> TriggerClient:
    return TriggerClient()


def state() -> State:
    if "sync" not in st.session_state:
        st.session_state.sync = State()
    found: State = st.session_state.sync
    return found


def sync_panel() -> None:
    """Shows the panel and refreshes it periodically."""
    st.fragment(_panel, run_every=state().pace)()


def _panel() -> None:
    try:
        pace = _show()
    except Problem as problem:
        # The result of a click is more important than a failed refresh.
        _show_problem(state().problem or problem)
        pace = RETURNING
    if pace != state().pace:
        # A fragment's interval is set when it is created, so the whole page must run again.
        state().pace = pace
        st.rerun()


def _show() -> float:
    targets = client().targets()
    if (shown := state().problem) is not None and shown.kind == "no-answer":
        state().problem = None
    target = _choose(targets)
    if target is None:
        return SLOW
    _describe(target)
    status = target["status"]
    if status is not None:
        _controls(target, status)
    if (problem := state().problem) is not None:
        _show_problem(problem)
    is_active = _followed()
    _history(target["name"])
    active = status["active"] if status else []
    pausing = time.monotonic() - state().started < PAUSE
    return FAST if is_active or active or pausing else SLOW


def _choose(targets: list[Document]) -> Document | None:
    wanted = os.environ.get("TRIGGER_TARGET")
    names = [target["name"] for target in targets]
    if wanted and wanted not in names:
        st.error(f"trigger-api has no target {plain(wanted)}: correct TRIGGER_TARGET, or add it to trigger-api's `targets`.")
        return None
    name = wanted or (names[0] if len(names) == 1 else st.selectbox("What to start", names, key="sync-target"))
    return next((target for target in targets if target["name"] == name), None)


def _describe(target: Document) -> None:
    st.markdown(f"Runs the Job of the CronJob **{plain(target['cronjob'])}** in the namespace **{plain(target['namespace'])}**.")
    status = target["status"]
    if status is None:
        problem = target["problem"]
        _show_problem(Problem(str(problem["type"]).rsplit("/", 1)[-1], problem["title"], problem["detail"]))
        return
    here = zone(st.context.timezone)
    schedule, following, overlap = st.columns([3, 4, 3])
    schedule.caption("Schedule")
    schedule.markdown(f"`{status['schedule']}` {plain(status['time_zone'] or '')}")
    following.caption("Next scheduled run")
    at = moment(status["next_run_at"])
    if status["suspended"]:
        following.markdown(":material/pause_circle: suspended")
    elif at is None:
        following.markdown(plain(f"none: {status['no_next_run']['message']}"))
    else:
        following.markdown(f"{plain(at.astimezone(here).strftime('%a %d %b, %H:%M %Z'))}, in {span(at - datetime.now(UTC))}")
    overlap.caption("Overlap")
    policy = status["concurrency_policy"]
    overlap.markdown(f"{plain(policy)}: {OVERLAP.get(policy, '')}")
    for run in status["active"]:
        if run["run_id"] != st.query_params.get("run"):
            line, link = st.columns([4, 1], vertical_alignment="center")
            line.markdown(headline(run))
            link.button("Follow it", key=f"follow-{run['run_id']}", on_click=_follow, args=(run["run_id"],))


def _blocked(name: str, status: Document) -> str | None:
    """Why no run can be started now; None if one can."""
    if time.monotonic() - state().started < PAUSE:
        return "A run was started just now."
    if status["active"] and status["concurrency_policy"] == "Forbid":
        return f"{status['active'][0]['job_name']} is running, and the CronJob allows one run at a time."
    if status["suspended"]:
        # Whether suspended targets can be started is configured in trigger-api.
        return client().blocked_reason(name)
    return None


def _controls(target: Document, status: Document) -> None:
    name = target["name"]
    blocked = _blocked(name, status)
    if state().attempt.done and blocked is None:
        state().attempt = Attempt()
    attempt = state().attempt
    unclear = attempt.unclear and not attempt.done
    locked = blocked is not None or unclear
    complete = show_fields(name, target["parameters"], disabled=locked)
    st.text_input(
        "Reason (optional)",
        key="sync-reason",
        max_chars=500,
        placeholder="shown in the history, for example: the morning's data was late",
        disabled=locked,
    )
    needs_consent = False
    if blocked is None and status["active"] and not unclear:
        replaces = status["concurrency_policy"] == "Replace"
        question = "Cancel the running run and start another" if replaces else "Start another run in parallel"
        needs_consent = not st.checkbox(question, key=f"consent-{attempt.key}")
    st.button(
        "Try again" if unclear else "Sync now",
        key="sync-now",
        type="primary",
        icon=":material/sync:",
        disabled=blocked is not None or needs_consent or not complete,
        on_click=_start,
        args=(target, attempt),
    )
    if blocked is not None:
        st.caption(f":material/pause_circle: {plain(blocked)}")
    elif unclear:
        st.caption("The result of the last click is unknown. Trying again finds its run, or starts it.")


def _start(target: Document, attempt: Attempt) -> None:
    name, schema = target["name"], target["parameters"]
    if attempt.sent is None:
        reason = str(st.session_state.get("sync-reason") or "").strip()
        attempt.sent = (reason, chosen_values(name, schema))
    state().problem = None
    try:
        run = client().start(name, attempt.key, *attempt.sent)
    except Problem as problem:
        state().problem = problem
        attempt.unclear |= problem.unclear
        if not attempt.unclear:
            attempt.sent = None
        return
    attempt.done = True
    state().started = time.monotonic()
    st.session_state["sync-reason"] = ""
    clear_fields(name, schema)
    _follow(run["run_id"])


def _follow(run_id: str) -> None:
    # The run's id is in the page's URL, so it survives a reload and can be shared.
    st.query_params["run"] = run_id
    state().problem = None


def _cancel(run_id: str) -> None:
    try:
        client().cancel(run_id)
        state().problem = None
    except Problem as problem:
        state().problem = problem


def _leave() -> None:
    st.query_params.pop("run", None)


def _followed() -> bool:
    """Shows the run that is followed; returns whether it is active."""
    run_id = st.query_params.get("run")
    if not run_id:
        return False
    try:
        run = client().run(run_id)
    except Problem as problem:
        if problem.kind != "unknown-run":
            raise
        _show_problem(problem)
        st.button("Close", key="sync-close", on_click=_leave)
        return False
    is_active = run["state"] in ACTIVE
    kind: Literal["running", "complete", "error"] = "running"
    if not is_active:
        kind = "complete" if run["state"] == "succeeded" else "error"
    with st.status(headline(run), state=kind, expanded=True):
        cause = run["cause"]
        if cause:
            st.markdown(f"**{plain(cause['message'])}**")
        who = f"by {plain(run['requested_by'])}" if run["requested_by"] else f"({run['trigger']})"
        why = f": {plain(run['reason'])}" if run["reason"] else ""
        st.caption(f"Started {clock(run['created_at'], zone(st.context.timezone))} {who}{why}")
        if run["parameters"]:
            st.caption(plain(assignments(run)))
        if is_active:
            st.button("Cancel", key=f"cancel-{run_id}", icon=":material/stop_circle:", on_click=_cancel, args=(run_id,))
    _log(run_id, is_active=is_active)
    return is_active


def _log(run_id: str, *, is_active: bool) -> None:
    with st.expander("Log", expanded=True):
        try:
            log = client().log(run_id)
        except Problem as problem:
            if problem.kind != "missing-permission":
                raise
            st.caption(plain(problem.detail))
            return
        if log is None:
            st.caption("No output yet." if is_active else "There is no output, or the log was deleted.")
        else:
            if log.cut:
                st.caption("Only the end of the log is shown.")
            st.code(log.text or "(empty)", language=None, wrap_lines=True, height=280 if log.text.count("\n") > 12 else "content")
        # A click runs the panel again, which reads the log.
        st.button("Refresh", key="sync-refresh", icon=":material/refresh:")


def _history(target: str) -> None:
    runs = client().runs(target, HISTORY)
    if not runs:
        st.caption("There are no runs yet.")
        return
    here = zone(st.context.timezone)
    st.subheader("Last runs", anchor=False)
    rows = [
        {
            "Started": plain(clock(run["created_at"], here)),
            "State": f"{ICONS.get(run['state'], '')} {plain(run['state'])}",
            "Took": took(run),
            "How": plain(run["trigger"]),
            "Who": plain(run["requested_by"] or "–"),
            "Parameters": plain(assignments(run) or "–"),
            "Reason": plain(run["reason"] or "–"),
        }
        for run in runs
    ]
    st.table(rows, hide_index=True, border="horizontal")


def _show_problem(problem: Problem) -> None:
    st.error(f"**{plain(problem.title)}.** {plain(problem.detail)}", icon=":material/error:")
    if problem.advice:
        st.caption(plain(problem.advice))
    if problem.run_id:
        st.button("Follow that run", key="sync-follow-problem", on_click=_follow, args=(problem.run_id,))
