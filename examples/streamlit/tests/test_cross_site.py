"""A page of another site in a browser that can reach trigger-api, where no credential is configured."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest
from conftest import TriggerApi
from playwright.sync_api import Browser, Page

START = "/trigger-sync"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def other_site() -> Iterator[str]:
    """A site at localhost, which is another one than 127.0.0.1."""

    class EmptyPage(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>other</title><form method=post></form>")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def started_runs(api: TriggerApi) -> int:
    return len(httpx.get(f"http://127.0.0.1:{api.port}/v1/runs").raise_for_status().json()["runs"])


def test_a_page_of_another_site_starts_nothing(trigger_api: TriggerApi, other_site: str, page: Page) -> None:
    trigger_api.start(token="")
    url = f"http://127.0.0.1:{trigger_api.port}{START}"
    page.goto(other_site)
    # The page can't read the answer, but a request of this kind is sent without asking trigger-api.
    with page.expect_response(url) as answer:
        page.evaluate("url => fetch(url, {method: 'POST', mode: 'no-cors'}).then(() => null)", url)
    assert answer.value.status == 403
    with page.expect_response(url) as answer:
        page.evaluate("url => { document.forms[0].action = url; document.forms[0].submit() }", url)
    assert answer.value.status == 403
    assert answer.value.json()["type"] == "https://tradeops.dev/problems/cross-site"
    assert started_runs(trigger_api) == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_page_of_trigger_api_itself_may_start(trigger_api: TriggerApi, page: Page, host: str) -> None:
    """A page at localhost is that of `kubectl port-forward`."""
    trigger_api.start(token="")
    page.goto(f"http://{host}:{trigger_api.port}/openapi.json")
    assert page.evaluate(f"fetch('{START}', {{method: 'POST'}}).then(answer => answer.status)") == 200
    assert started_runs(trigger_api) == 1
    trigger_api.end_run(0)
