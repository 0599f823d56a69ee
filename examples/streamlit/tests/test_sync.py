"""Tests of the page in a browser."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable

import httpx
from conftest import MAX_WAIT, TOKEN, LossyRelay, SlowLine, TriggerApi, free_port
from playwright.sync_api import Locator, Page, expect

OpenPage = Callable[..., Page]


def sync_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Sync now")


def click_sync(page: Page) -> None:
    expect(sync_button(page)).to_be_enabled()
    sync_button(page).click()


def headline(page: Page, words: str) -> Locator:
    return page.get_by_test_id("stExpander").filter(has_text=re.compile(words)).first


def runs(api: TriggerApi) -> list[dict[str, str]]:
    answer = httpx.get(f"http://127.0.0.1:{api.port}/v1/runs", headers={"X-Internal-Token": TOKEN})
    found: list[dict[str, str]] = answer.raise_for_status().json()["runs"]
    return found


def test_a_click_shows_progress_then_the_log_then_success_and_the_history(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    expect(page.get_by_text("Runs the Job of the CronJob kraken-trading-job in the namespace local.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"CES?T, in \d+ (h|min|s)"))).to_be_visible()
    page.get_by_label("Reason (optional)").fill("the *morning's* data was late")
    click_sync(page)
    expect(headline(page, r"kraken-trading-job-\w{10} has been running for \d+ s")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_contain_text("trades read")
    expect(headline(page, "has been running for [2-9] s")).to_be_visible()
    expect(sync_button(page)).to_be_disabled()
    trigger_api.end_run(0)
    expect(headline(page, r"succeeded after \d+ s")).to_be_visible()
    expect(page.get_by_test_id("stCode").filter(has_text="ends with 0")).to_be_visible()
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("succeeded")
    expect(row).to_contain_text("the *morning's* data was late")
    expect(sync_button(page)).to_be_enabled()
    # Streamlit marks elements of the previous refresh as stale until the page is drawn.
    expect(page.locator('[data-stale="true"]')).to_have_count(0)
    if picture := os.environ.get("SCREENSHOT"):
        page.screenshot(path=picture)


def test_the_page_has_a_field_for_each_parameter_and_a_run_has_their_values(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start("Allow")
    page = open_page()
    expect(sync_button(page)).to_be_enabled()
    page.get_by_role("spinbutton", name="year, Day").click()
    page.keyboard.type("20260210")
    page.get_by_label("MODE").click()
    page.get_by_role("option", name="quick").click()
    page.get_by_label("NOTE").fill("late data")
    page.get_by_label("NOTE").press("Enter")
    click_sync(page)
    expect(page.get_by_test_id("stCode")).to_contain_text("trades read for [2026-02-10] quick late data")
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("MODE=quick, NOTE=late data, SYNC_DATE=2026-02-10")
    parameters = {"SYNC_DATE": "2026-02-10", "MODE": "quick", "NOTE": "late data"}
    assert runs(trigger_api)[0]["parameters"] == parameters  # type: ignore[comparison-overlap]
    # The fields are empty again, and a run without values is that of the schedule.
    expect(page.get_by_role("spinbutton", name="year, Day")).to_have_text("yyyy")
    page.get_by_text("Start another run in parallel").click()
    click_sync(page)
    expect(page.get_by_test_id("stCode")).to_contain_text("trades read for [] full none")


def test_a_value_that_is_not_accepted_is_named(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    expect(sync_button(page)).to_be_enabled()
    page.get_by_label("NOTE").fill("NOT LOWER")
    page.get_by_label("NOTE").press("Enter")
    expect(page.get_by_text("must match ^[a-z ]*$")).to_be_visible()
    click_sync(page)
    expect(page.get_by_text("NOTE must match")).to_be_visible()
    assert runs(trigger_api) == []


def test_a_failed_run_shows_its_cause_and_exit_code(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    click_sync(page)
    trigger_api.end_run(3)
    expect(headline(page, r"failed after \d+ s, exit code 3")).to_be_visible()
    cause = next(run for run in runs(trigger_api))["cause"]
    expect(page.get_by_text(cause["message"])).to_be_visible()  # type: ignore[index]


def test_a_double_click_starts_one_run_even_if_runs_may_overlap(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start("Allow")
    line = SlowLine()
    page = open_page(line)
    expect(sync_button(page)).to_be_enabled()
    line.hold()
    sync_button(page).click()
    # The browser context sends this request, because Playwright delivers messages only during its own calls.
    url, headers = f"http://127.0.0.1:{trigger_api.port}/v1/runs", {"X-Internal-Token": TOKEN}
    deadline = time.monotonic() + MAX_WAIT
    while not page.request.get(url, headers=headers).json()["runs"]:
        assert time.monotonic() < deadline
    # The first click has started a run, but the page does not show it yet when the second click is made.
    sync_button(page).click()
    line.release()
    expect(headline(page, "has been running for")).to_be_visible()
    # Shown only after the pause that follows a start, so both clicks have been handled.
    expect(page.get_by_text("Start another run in parallel")).to_be_visible()
    assert len(runs(trigger_api)) == 1


def test_after_a_lost_response_trying_again_finds_the_run_that_the_click_started(
    trigger_api: TriggerApi, open_page: OpenPage
) -> None:
    trigger_api.start("Allow")
    page = open_page()
    expect(sync_button(page)).to_be_enabled()
    expect(page.get_by_text("There are no runs yet.")).to_be_visible()
    address = trigger_api.port
    trigger_api.stop()
    trigger_api.port = free_port()
    trigger_api.start("Allow")
    relay = LossyRelay(address, trigger_api.port)
    sync_button(page).click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert len(runs(trigger_api)) == 1
    relay.close()
    trigger_api.stop()
    trigger_api.port = address
    trigger_api.start("Allow")
    page.get_by_role("button", name="Try again").click()
    expect(page).to_have_url(re.compile(r"\?run="))
    assert len(runs(trigger_api)) == 1


def test_a_parallel_run_is_started_only_after_a_confirmation(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start("Allow")
    page = open_page()
    click_sync(page)
    page.get_by_text("Start another run in parallel").click()
    click_sync(page)
    expect(page.get_by_role("button", name="Follow it")).to_be_visible()
    assert len(runs(trigger_api)) == 2


def test_a_conflicting_run_is_named_and_can_be_followed(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    line = SlowLine()
    slow, quick = open_page(line), open_page()
    expect(sync_button(slow)).to_be_enabled()
    line.hold()
    click_sync(quick)
    expect(headline(quick, "has been running for")).to_be_visible()
    # The slow viewer's page does not show that run yet, so its button is enabled.
    sync_button(slow).click()
    line.release()
    expect(slow.get_by_text("Another run is in progress.")).to_be_visible()
    expect(slow.get_by_text(runs(trigger_api)[0]["job_name"]).first).to_be_visible()
    slow.get_by_role("button", name="Follow that run").click()
    expect(headline(slow, "has been running for")).to_be_visible()
    trigger_api.end_run(0)
    expect(headline(slow, "succeeded")).to_be_visible()


def test_cancel_ends_the_run(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    click_sync(page)
    expect(page.get_by_test_id("stCode")).to_contain_text("trades read")
    page.get_by_role("button", name="Cancel").click()
    expect(headline(page, "was cancelled")).to_be_visible()
    expect(sync_button(page)).to_be_enabled()
    assert [run["state"] for run in runs(trigger_api)] == ["cancelled"]


def test_a_reload_keeps_the_followed_run(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    click_sync(page)
    expect(headline(page, "has been running for")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?run="))
    page.reload()
    expect(headline(page, "has been running for")).to_be_visible()
    trigger_api.end_run(0)
    expect(headline(page, "succeeded")).to_be_visible()


def test_while_trigger_api_is_unreachable_the_page_shows_what_to_do_and_then_recovers(
    trigger_api: TriggerApi, open_page: OpenPage
) -> None:
    trigger_api.start()
    page = open_page()
    expect(sync_button(page)).to_be_enabled()
    trigger_api.stop()
    sync_button(page).click()
    expect(page.get_by_text(f"http://127.0.0.1:{trigger_api.port} does not respond.").first).to_be_visible()
    expect(page.get_by_text("kubectl get pods").first).to_be_visible()
    trigger_api.start()
    click_sync(page)
    trigger_api.end_run(0)
    expect(headline(page, "succeeded")).to_be_visible()
    assert len(runs(trigger_api)) == 1


def test_a_suspended_target_is_shown_and_its_button_is_disabled(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start(suspend=True)
    page = open_page()
    expect(page.get_by_text("The CronJob of kraken-trading-job is suspended")).to_be_visible()
    expect(sync_button(page)).to_be_disabled()


def test_a_missing_cronjob_is_named(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start(cronjob=False)
    page = open_page()
    expect(page.get_by_text("The CronJob kraken-trading-job does not exist in the namespace local.")).to_be_visible()
    expect(sync_button(page)).to_have_count(0)


def test_a_wrong_token_is_reported_and_no_token_is_in_the_page(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start(token="another-token")  # noqa: S106
    page = open_page()
    received: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(str(frame))))
    page.reload()
    expect(page.get_by_text("The credential is not valid.")).to_be_visible()
    expect(page.get_by_text("TRIGGER_API_TOKEN_FILE")).to_be_visible()
    trigger_api.stop()
    trigger_api.start()
    expect(sync_button(page)).to_be_enabled()
    assert received, "messages of Streamlit were recorded"
    assert not any(secret in text for secret in (TOKEN, "another-token") for text in [page.content(), *received])


def test_an_id_in_the_url_does_not_lead_to_another_path(trigger_api: TriggerApi, open_page: OpenPage) -> None:
    trigger_api.start()
    page = open_page()
    page.goto(f"{page.url}?run=../targets")
    expect(page.get_by_text("There is no such run.")).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("There is no such run.")).to_have_count(0)


def test_concurrent_clicks_of_several_viewers_start_one_run_if_only_one_is_allowed(
    trigger_api: TriggerApi, open_page: OpenPage
) -> None:
    trigger_api.start()
    pages = [open_page() for _ in range(3)]
    for page in pages:
        expect(sync_button(page)).to_be_enabled()
    for page in pages:
        sync_button(page).evaluate("button => button.click()")
    for page in pages:
        refused = page.get_by_text("Another run is in progress.").or_(page.get_by_text("is running, and"))
        seen = headline(page, "has been running for").or_(refused)
        expect(seen.first).to_be_visible()
    # A conflicting run that was created at the same time is rolled back, and the history contains it with that cause.
    kept = [run for run in runs(trigger_api) if "RolledBack" not in str(run["cause"])]
    assert len(kept) == 1
