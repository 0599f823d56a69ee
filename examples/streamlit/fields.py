"""Fields for the parameters of a target, made from their JSON Schema."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import streamlit as st

from wording import plain

Schema = dict[str, Any]

NO_DATES = ("2026-2-10", "20260210", "10.02.2026", "2026-02-10T00:00", "day", "aaaa-bb-cc")
"""Texts that the pattern of a date does not match."""


def show_fields(target: str, schema: Schema | None, *, disabled: bool) -> bool:
    """Shows a field for each parameter; returns whether all required ones have a value."""
    for name, field in _fields(schema):
        _show_field(_key(target, name), name, field, disabled=disabled)
    values, required = chosen_values(target, schema), (schema or {}).get("required", [])
    return all(name in values for name in required)


def chosen_values(target: str, schema: Schema | None) -> dict[str, str]:
    """The values that the viewer has chosen. Without a value, a run has that of the CronJob's template."""
    values = {}
    for name, _ in _fields(schema):
        value = st.session_state.get(_key(target, name))
        if isinstance(value, date):
            values[name] = value.isoformat()
        elif value:
            values[name] = str(value)
    return values


def clear_fields(target: str, schema: Schema | None) -> None:
    """Empties the fields."""
    for name, field in _fields(schema):
        st.session_state[_key(target, name)] = None if is_date(field) or "enum" in field else ""


def _fields(schema: Schema | None) -> list[tuple[str, Schema]]:
    properties: dict[str, Schema] = (schema or {}).get("properties", {})
    return list(properties.items())


def _key(target: str, name: str) -> str:
    return f"parameter-{target}-{name}"


def is_date(field: Schema) -> bool:
    """Whether the format, or else the pattern, allows only days."""
    if "format" in field or "pattern" not in field:
        return field.get("format") == "date"
    return _matches(field["pattern"], "2026-02-10") and not any(_matches(field["pattern"], other) for other in NO_DATES)


def _show_field(key: str, name: str, field: Schema, *, disabled: bool) -> None:
    label, default = plain(field.get("title", name)), field.get("default")
    text = field.get("description")
    explanation = plain(text) if text else None
    placeholder = f"{default} if empty" if default else None
    if is_date(field):
        st.date_input(
            label, value=None, min_value=date(1970, 1, 1), key=key, format="YYYY-MM-DD", help=explanation, disabled=disabled
        )
        return
    if "enum" in field:
        st.selectbox(
            label, field["enum"], index=None, key=key, placeholder=placeholder or "–", help=explanation, disabled=disabled
        )
        return
    value = st.text_input(
        label, key=key, max_chars=field.get("maxLength"), placeholder=placeholder, help=explanation, disabled=disabled
    )
    if value and "pattern" in field and not _matches(field["pattern"], value):
        st.caption(f":red[must match {plain(field['pattern'])}]")


def _matches(pattern: str, value: str) -> bool:
    """Whether the value matches. trigger-api decides about patterns that Python does not support."""
    try:
        return re.search(pattern, value) is not None
    except re.error:
        return True
