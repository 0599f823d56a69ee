"""Fixtures: the built trigger-api, whose run is a shell command; the page, served by Streamlit; Debian's Chromium."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
PROGRAM = Path(os.environ.get("TRIGGER_API_PROGRAM", ROOT / "target/debug/trigger-api"))
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
TOKEN = "token-that-no-page-may-show"  # noqa: S105
MAX_WAIT = 60.0
"""Time limit in seconds for each condition, long enough for a busy machine."""

expect.set_options(timeout=MAX_WAIT * 1000)

CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata:
  name: kraken-trading-job
  annotations:
    parameters.tradeops.dev/SYNC_DATE: '{{"title": "Day", "format": "date", "description": "Empty: today"}}'
    parameters.tradeops.dev/MODE: '{{"enum": ["full", "quick"]}}'
    parameters.tradeops.dev/NOTE: '{{"pattern": "^[a-z ]*$", "maxLength": 20}}'
spec:
  schedule: '0 */6 * * *'
  timeZone: Etc/UTC
  concurrencyPolicy: {policy}
  suspend: {suspend}
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
            - name: sync
              image: kraken-sync:1
              env: [{{name: SYNC_DATE, value: ""}}, {{name: MODE, value: full}}, {{name: NOTE, value: none}}]
              # It runs until the test writes an exit code into the pipe.
              command: [sh, -c, 'echo "trades read for [$SYNC_DATE] $MODE $NOTE";
                read -r code < {gate}; echo "ends with $code"; exit "$code"']
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_line(stream: IO[str], text: str) -> None:
    """Reads lines until one contains the text. A thread reads the rest, so the pipe never fills up."""
    seen: list[str] = []
    for line in stream:
        seen.append(line)
        if text in line:
            threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()
            return
    pytest.fail(f"{text!r} was never printed:\n{''.join(seen)}")


class TriggerApi:
    """trigger-api with one target. It keeps its port across restarts."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.gate = folder / "gate"
        os.mkfifo(self.gate)
        self.child: subprocess.Popen[str] | None = None

    def start(self, policy: str = "Forbid", *, suspend: bool = False, token: str = TOKEN, cronjob: bool = True) -> None:
        manifest = self.folder / "cronjob.yaml"
        text = CRONJOB.format(policy=policy, suspend=str(suspend).lower(), gate=self.gate)
        manifest.write_text(text if cronjob else "")
        config = self.folder / "config.yaml"
        config.write_text(json.dumps({"local": {"manifests": str(manifest)}}))
        variables = {
            "PATH": os.environ["PATH"],
            "EXECUTOR": "local",
            "CONFIG_FILE": str(config),
            "CRONJOB_NAME": "kraken-trading-job",
            "DATABASE_URL": f"sqlite:{self.folder}/history.sqlite",
            "LISTEN_ADDR": f"127.0.0.1:{self.port}",
            "LOG_FORMAT": "json",
        }
        if token:
            variables["INTERNAL_TOKEN"] = token
        child = subprocess.Popen([PROGRAM], env=variables, stderr=subprocess.PIPE, text=True)
        self.child = child
        assert child.stderr
        wait_for_line(child.stderr, '"serving"')

    def stop(self) -> None:
        if self.child:
            self.child.terminate()
            self.child.wait(MAX_WAIT)
            self.child = None

    def end_run(self, code: int) -> None:
        """Waits until a run reads the pipe, and ends it with the exit code."""
        self.gate.write_text(f"{code}\n")


class LossyRelay:
    """A relay at trigger-api's address that drops the responses to POST requests."""

    def __init__(self, port: int, api: int) -> None:
        self.api = api
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        # close() alone would not wake up the thread in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client: socket.socket) -> None:
        request = b""
        with client, socket.create_connection(("127.0.0.1", self.api)) as server, suppress(OSError):
            # A request can arrive in several pieces.
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    piece = ready.recv(65536)
                    if not piece or (ready is server and request.startswith(b"POST")):
                        return
                    if ready is client:
                        request = request or piece
                        server.sendall(piece)
                    else:
                        request = b""
                        client.sendall(piece)


class SlowLine:
    """A viewer's connection to the dashboard, on which messages to the browser can be delayed."""

    def __init__(self) -> None:
        self.held: list[str | bytes] | None = None
        self.page: WebSocketRoute | None = None

    def connect(self, page: WebSocketRoute) -> None:
        self.page = page
        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(self._arrived)

    def _arrived(self, message: str | bytes) -> None:
        assert self.page
        if self.held is None:
            self.page.send(message)
        else:
            self.held.append(message)

    def hold(self) -> None:
        self.held = []

    def release(self) -> None:
        assert self.page
        held, self.held = self.held or [], None
        for message in held:
            self.page.send(message)


@pytest.fixture(scope="session")
def port() -> int:
    return free_port()


@pytest.fixture
def trigger_api(tmp_path: Path, port: int) -> Iterator[TriggerApi]:
    api = TriggerApi(tmp_path, port)
    yield api
    api.stop()


@pytest.fixture(scope="session")
def dashboard(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Starts the dashboard; returns the page's URL."""
    token = tmp_path_factory.mktemp("secret") / "token"
    token.write_text(f"{TOKEN}\n")
    own = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "settings.py", "--server.address=127.0.0.1", f"--server.port={own}"]
    variables = os.environ | {
        "TRIGGER_API_URL": f"http://127.0.0.1:{port}",
        "TRIGGER_API_TOKEN_FILE": str(token),
        "PYTHONUNBUFFERED": "1",
    }
    child = subprocess.Popen(
        [*command, "--server.fileWatcherType=none"],
        cwd=HERE.parent,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout
    wait_for_line(child.stdout, "URL:")
    yield f"http://127.0.0.1:{own}"
    child.terminate()
    child.wait(MAX_WAIT)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", *quiet]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, dashboard: str) -> Iterator[Callable[..., Page]]:
    """Opens the page in a new browser context, as another viewer."""
    contexts = []

    def open_it(line: SlowLine | None = None) -> Page:
        context = browser.new_context(timezone_id="Europe/Berlin", locale="en-GB", viewport={"width": 1000, "height": 1150})
        contexts.append(context)
        page = context.new_page()
        # Shown when the test fails, together with the final content of the page.
        page.on("console", lambda message: print("console:", message.text))
        page.on("pageerror", lambda error: print("error:", error))
        page.on("requestfailed", lambda request: print("failed:", request.url, request.failure))
        if line:
            page.route_web_socket("**/_stcore/stream", line.connect)
        page.goto(dashboard)
        return page

    yield open_it
    for context in contexts:
        for page in context.pages:
            print(page.locator("body").aria_snapshot())
        context.close()
