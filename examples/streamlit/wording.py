"""Formats times, states and foreign texts for the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ICONS = {
    "pending": ":material/hourglass_empty:",
    "running": ":material/play_circle:",
    "unknown": ":material/help:",
    "succeeded": ":green[:material/check_circle:]",
    "failed": ":red[:material/cancel:]",
    "cancelled": ":material/stop_circle:",
    "interrupted": ":material/help:",
}

OVERLAP = {
    "Allow": "runs may overlap",
    "Forbid": "one run at a time",
    "Replace": "a new run cancels the running one",
}


def plain(text: str) -> str:
    """Escapes a foreign text for Markdown, so it can neither format the page nor load an image."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", " ".join(text.split()))


def zone(name: str | None) -> ZoneInfo:
    """The viewer's time zone, as reported by the browser; UTC if it is unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def clock(text: str | None, here: ZoneInfo) -> str:
    at = moment(text)
    return at.astimezone(here).strftime("%d %b, %H:%M:%S %Z") if at else "–"


def span(length: timedelta) -> str:
    seconds = max(0, int(length.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def took(run: dict[str, Any]) -> str:
    """The duration of the run, until now if it is active."""
    begin = moment(run["started_at"] or run["created_at"])
    end = moment(run["finished_at"]) or datetime.now(UTC)
    return span(end - begin) if begin else "–"


def assignments(run: dict[str, Any]) -> str:
    """The parameters of the run in one line."""
    return ", ".join(f"{name}={value}" for name, value in run["parameters"].items())


def headline(run: dict[str, Any]) -> str:
    """The state of the run in one line."""
    state, cause = run["state"], run["cause"] or {}
    words = {
        "pending": "is waiting to start",
        "running": f"has been running for {took(run)}",
        "unknown": "was started; its state is not known",
        "succeeded": f"succeeded after {took(run)}",
        "failed": f"failed after {took(run)}",
        "cancelled": "was cancelled",
        "interrupted": "was interrupted; its outcome is unknown",
    }
    line = f"{plain(run['job_name'])} {words.get(state, plain(state))}"
    if cause.get("exit_code") is not None:
        line += f", exit code {cause['exit_code']}"
    return line
