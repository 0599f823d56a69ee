"""A client of trigger-api. It does not depend on Streamlit, so other dashboards can use it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

DEFAULT_URL = "http://trigger-api:8000"
"""The ClusterIP Service in the same namespace."""

LOG_BYTES = 32 * 1024
"""The maximum number of bytes of a log's end that is returned."""

TIMEOUT = httpx.Timeout(10.0, connect=2.0)

Document = dict[str, Any]

ADVICE = {
    "missing-credential": "Set TRIGGER_API_TOKEN_FILE or TRIGGER_API_TOKEN to trigger-api's token.",
    "wrong-credential": "The dashboard's token differs from trigger-api's token, or was rotated: check TRIGGER_API_TOKEN_FILE.",
    "not-json": "A proxy between the dashboard and trigger-api changes requests: check TRIGGER_API_URL.",
    "no-answer": "Check that its pod is running (kubectl get pods -l app.kubernetes.io/name=trigger-api), that TRIGGER_API_URL "
    "names its Service, and that a NetworkPolicy allows the dashboard. This page recovers automatically.",
    "not-trigger-api": "Check TRIGGER_API_URL: another program responds there.",
    "token-unreadable": "Mount the Secret with trigger-api's token, or correct TRIGGER_API_TOKEN_FILE.",
}
"""What to do about problems that are caused by the dashboard's configuration."""


@dataclass(frozen=True)
class Problem(Exception):
    """An error for the page. It never contains a secret or the text of an unknown program."""

    kind: str
    title: str
    detail: str
    run_id: str | None = None
    """The conflicting run."""
    unclear: bool = False
    """Whether the request may have taken effect."""

    @property
    def advice(self) -> str | None:
        return ADVICE.get(self.kind)


@dataclass(frozen=True)
class Log:
    """The end of a log."""

    text: str
    cut: bool


class TriggerClient:
    """A client of one trigger-api. Reads the token for each request, so a rotated Secret is used without a restart."""

    def __init__(self, url: str | None = None) -> None:
        self.url = (url or os.environ.get("TRIGGER_API_URL") or DEFAULT_URL).rstrip("/")
        # Ignores proxy variables: the Service is inside the cluster, and a proxy would see the token.
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def targets(self) -> list[Document]:
        return list(self._json("GET", "/v1/targets")["targets"])

    def blocked_reason(self, target: str) -> str | None:
        """Why the target can't be started now; None if it can."""
        preview = self._json("GET", f"/v1/targets/{_segment(target)}/preview")
        return None if preview["allowed"] else str(preview["problem"]["detail"])

    def start(self, target: str, key: str, reason: str, parameters: dict[str, str] | None = None) -> Document:
        """Starts a run. Repeated calls with the same key return the same run."""
        body: Document = {"reason": reason} if reason else {}
        if parameters:
            body["parameters"] = parameters
        path = f"/v1/targets/{_segment(target)}/runs"
        try:
            return self._json("POST", path, json=body, headers={"Idempotency-Key": key})
        except Problem as problem:
            if problem.kind != "no-answer":
                raise
            # The usual cause is a keep-alive connection to a trigger-api that was restarted. The key makes the repetition safe.
            return self._json("POST", path, unclear=problem.unclear, json=body, headers={"Idempotency-Key": key})

    def run(self, run_id: str) -> Document:
        return self._json("GET", f"/v1/runs/{_segment(run_id)}")

    def runs(self, target: str, limit: int) -> list[Document]:
        return list(self._json("GET", "/v1/runs", params={"target": target, "limit": limit})["runs"])

    def cancel(self, run_id: str) -> Document:
        return self._json("DELETE", f"/v1/runs/{_segment(run_id)}")

    def log(self, run_id: str) -> Log | None:
        """The end of the run's log; None if there is no log."""
        tail, cut = bytearray(), False
        try:
            with self._http.stream("GET", f"{self.url}/v1/runs/{_segment(run_id)}/logs", headers=_credentials()) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    problem = _problem(response)
                    if problem.kind == "no-log":
                        return None
                    raise problem
                cut = response.headers.get("x-log-cut") == "true"
                for piece in response.iter_bytes():
                    tail += piece
                    if len(tail) > 2 * LOG_BYTES:
                        del tail[:-LOG_BYTES]
                        cut = True
        except httpx.HTTPError:
            raise self._no_answer(unclear=False) from None
        if len(tail) > LOG_BYTES:
            del tail[:-LOG_BYTES]
            cut = True
        return Log(tail.decode(errors="replace"), cut)

    def _json(
        self, method: str, path: str, headers: dict[str, str] | None = None, *, unclear: bool = False, **rest: Any
    ) -> Document:
        """Sends a request and parses the response. `unclear`: an earlier attempt may have taken effect."""
        changes = method != "GET"
        try:
            response = self._http.request(method, self.url + path, headers=_credentials() | (headers or {}), **rest)
        except httpx.ConnectError:
            raise self._no_answer(unclear=unclear) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._no_answer(unclear=changes) from None
        if not response.is_success:
            raise _problem(response, unclear=changes and response.is_server_error)
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Problem("not-trigger-api", "Not trigger-api", f"The response from {self.url} is not one of trigger-api.")
        return document

    def _no_answer(self, unclear: bool) -> Problem:
        detail = f"{self.url} does not respond."
        if unclear:
            detail += " The run may have been started; trying again does not start a second one."
        return Problem("no-answer", "trigger-api can't be reached", detail, unclear=unclear)


def _segment(text: str) -> str:
    """Encodes a path segment. Ids can come from the page's URL, so they must not lead to another path."""
    return quote(text, safe="").replace(".", "%2E")


def _credentials() -> dict[str, str]:
    file = os.environ.get("TRIGGER_API_TOKEN_FILE")
    try:
        token = Path(file).read_text(encoding="ascii") if file else os.environ.get("TRIGGER_API_TOKEN", "")
    except (OSError, UnicodeDecodeError):
        raise Problem("token-unreadable", "The token can't be read", f"{file} does not exist, or is not ASCII text.") from None
    token = token.strip()
    # Checked here, because the HTTP client would include an invalid header in its error message.
    if not all("!" <= character <= "~" for character in token):
        raise Problem("token-unreadable", "The token can't be sent", "It contains characters that are not visible ASCII.")
    return {"X-Internal-Token": token} if token else {}


def _problem(response: httpx.Response, unclear: bool = False) -> Problem:
    """Converts an RFC 9457 response. Other responses come from another program, and their text is not shown."""
    try:
        body = response.json()
        kind = str(body["type"]).rsplit("/", 1)[-1]
        run = body.get("run") or {}
        return Problem(kind, str(body["title"]), str(body["detail"]), run.get("run_id"), unclear)
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = f"A response with the status {response.status_code} is not one of trigger-api."
        return Problem("not-trigger-api", "Not trigger-api", detail, unclear=unclear)
