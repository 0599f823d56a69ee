"""Talks to trigger-api. It knows nothing of Streamlit, so any dashboard can use it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

DEFAULT_URL = "http://trigger-api:8000"
"""The ClusterIP Service; its name is enough within the namespace."""

LOG_BYTES = 32 * 1024
"""How much of a log's end is shown."""

TIMEOUT = httpx.Timeout(10.0, connect=2.0)

Document = dict[str, Any]

ADVICE = {
    "missing-credential": "Give the dashboard the token of trigger-api: TRIGGER_API_TOKEN_FILE or TRIGGER_API_TOKEN.",
    "wrong-credential": "The dashboard's token is not the one of trigger-api, or was replaced: look at TRIGGER_API_TOKEN_FILE.",
    "not-json": "Something between the dashboard and trigger-api changes requests: look at TRIGGER_API_URL.",
    "no-answer": "Look whether its pod runs (kubectl get pods -l app.kubernetes.io/name=trigger-api), whether TRIGGER_API_URL "
    "names its Service, and whether a NetworkPolicy lets the dashboard in. This page goes on by itself when it is back.",
    "not-trigger-api": "Look at TRIGGER_API_URL: another program answers there.",
    "token-unreadable": "Mount the Secret of trigger-api's token, or correct TRIGGER_API_TOKEN_FILE.",
}
"""What to do about problems whose own words can't say it: they don't know the dashboard."""


@dataclass(frozen=True)
class Problem(Exception):
    """Why something was not done, in words for the page. It never carries a secret or another program's text."""

    kind: str
    title: str
    detail: str
    run_id: str | None = None
    """The run in the way."""
    unclear: bool = False
    """Whether it may have been done all the same."""

    @property
    def advice(self) -> str | None:
        return ADVICE.get(self.kind)


@dataclass(frozen=True)
class Log:
    """The end of a log."""

    text: str
    cut: bool


class TriggerClient:
    """One trigger-api. The token is read for each request, so a replaced Secret is used as soon as it is mounted."""

    def __init__(self, url: str | None = None) -> None:
        self.url = (url or os.environ.get("TRIGGER_API_URL") or DEFAULT_URL).rstrip("/")
        # No proxy of the environment: the service is inside the cluster, and the token stays there.
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False)

    def targets(self) -> list[Document]:
        return list(self._json("GET", "/v1/targets")["targets"])

    def obstacle(self, target: str) -> str | None:
        """Why the target would not be started now."""
        preview = self._json("GET", f"/v1/targets/{_segment(target)}/preview")
        return None if preview["allowed"] else str(preview["problem"]["detail"])

    def start(self, target: str, key: str, reason: str) -> Document:
        """Starts a run; the same key finds the same run, however often it is asked."""
        body = {"reason": reason} if reason else {}
        path = f"/v1/targets/{_segment(target)}/runs"
        try:
            return self._json("POST", path, json=body, headers={"Idempotency-Key": key})
        except Problem as problem:
            if problem.kind != "no-answer":
                raise
            # Most often a kept connection of a trigger-api that was restarted since. The key makes it safe.
            return self._json("POST", path, unclear=problem.unclear, json=body, headers={"Idempotency-Key": key})

    def run(self, run_id: str) -> Document:
        return self._json("GET", f"/v1/runs/{_segment(run_id)}")

    def runs(self, target: str, limit: int) -> list[Document]:
        return list(self._json("GET", "/v1/runs", params={"target": target, "limit": limit})["runs"])

    def cancel(self, run_id: str) -> Document:
        return self._json("DELETE", f"/v1/runs/{_segment(run_id)}")

    def log(self, run_id: str) -> Log | None:
        """The end of the run's log; None while there is none."""
        tail, cut = bytearray(), False
        try:
            with self._http.stream("GET", f"{self.url}/v1/runs/{_segment(run_id)}/logs", headers=_credentials()) as answer:
                if answer.status_code != httpx.codes.OK:
                    answer.read()
                    problem = _problem(answer)
                    if problem.kind == "no-log":
                        return None
                    raise problem
                cut = answer.headers.get("x-log-cut") == "true"
                for piece in answer.iter_bytes():
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
        """`unclear` says that an earlier try may have done it."""
        changes = method != "GET"
        try:
            answer = self._http.request(method, self.url + path, headers=_credentials() | (headers or {}), **rest)
        except httpx.ConnectError:
            raise self._no_answer(unclear=unclear) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._no_answer(unclear=changes) from None
        if not answer.is_success:
            raise _problem(answer, unclear=changes and answer.is_server_error)
        try:
            document = answer.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Problem("not-trigger-api", "That is not trigger-api", f"{self.url} answers, but not as trigger-api does.")
        return document

    def _no_answer(self, unclear: bool) -> Problem:
        detail = f"{self.url} does not answer."
        if unclear:
            detail += " The run may have been started; asking again starts no second one."
        return Problem("no-answer", "trigger-api can't be reached", detail, unclear=unclear)


def _segment(text: str) -> str:
    """Ids come from the page's address too, so they must not lead to another path."""
    return quote(text, safe="").replace(".", "%2E")


def _credentials() -> dict[str, str]:
    file = os.environ.get("TRIGGER_API_TOKEN_FILE")
    try:
        token = Path(file).read_text(encoding="ascii") if file else os.environ.get("TRIGGER_API_TOKEN", "")
    except (OSError, UnicodeDecodeError):
        raise Problem("token-unreadable", "The token can't be read", f"{file} is not there, or is no text.") from None
    token = token.strip()
    # Checked here, because an HTTP client would put a header that it can't send into its error's text.
    if not all("!" <= character <= "~" for character in token):
        raise Problem("token-unreadable", "The token can't be sent", "It has characters other than visible ASCII.")
    return {"X-Internal-Token": token} if token else {}


def _problem(answer: httpx.Response, unclear: bool = False) -> Problem:
    """What an RFC 9457 answer says. Other answers come from something in between, and their text is not shown."""
    try:
        body = answer.json()
        kind = str(body["type"]).rsplit("/", 1)[-1]
        run = body.get("run") or {}
        return Problem(kind, str(body["title"]), str(body["detail"]), run.get("run_id"), unclear)
    except (ValueError, KeyError, TypeError, AttributeError):
        detail = f"An answer with the status {answer.status_code} came that is not one of trigger-api."
        return Problem("not-trigger-api", "That is not trigger-api", detail, unclear=unclear)
