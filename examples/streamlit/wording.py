"""Words for times, states and texts of others."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

ICONS = {
    "pending": ":material/hourglass_empty:",
    "running": ":material/play_circle:",
    "succeeded": ":green[:material/check_circle:]",
    "failed": ":red[:material/cancel:]",
    "cancelled": ":material/stop_circle:",
    "interrupted": ":material/help:",
}

OVERLAP = {
    "Allow": "runs may overlap",
    "Forbid": "one run at a time",
    "Replace": "a new run ends the one that goes on",
}


def plain(text: str) -> str:
    """A text of others in Markdown: it must neither format the page nor load a picture."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", " ".join(text.split()))


def zone(name: str | None) -> ZoneInfo:
    """The viewer's time zone, as the browser names it."""
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
    """How long the run took, or has taken until now."""
    begin = moment(run["started_at"] or run["created_at"])
    end = moment(run["finished_at"]) or datetime.now(UTC)
    return span(end - begin) if begin else "–"


def headline(run: dict[str, Any]) -> str:
    """Where the run stands, in a line."""
    state, cause = run["state"], run["cause"] or {}
    words = {
        "pending": "waits to start",
        "running": f"runs for {took(run)}",
        "succeeded": f"succeeded after {took(run)}",
        "failed": f"failed after {took(run)}",
        "cancelled": "was cancelled",
        "interrupted": "ended unseen; its outcome is not known",
    }
    line = f"{plain(run['job_name'])} {words.get(state, plain(state))}"
    if cause.get("exit_code") is not None:
        line += f", exit code {cause['exit_code']}"
    return line
