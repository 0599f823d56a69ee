"""Tests of the choice of a field."""

from __future__ import annotations

import pytest

from fields import Schema, is_date


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"format": "date"}, True),
        ({"pattern": r"^\d{4}-\d{2}-\d{2}$"}, True),
        ({"pattern": "^([0-9]{4}-[0-9]{2}-[0-9]{2})?$"}, True),
        ({"pattern": r"\d{4}-\d{2}-\d{2}"}, False),
        ({"pattern": "^.{10}$"}, False),
        ({"pattern": "^[a-z]+$"}, False),
        ({"pattern": "(?P<broken"}, False),
        ({}, False),
    ],
)
def test_a_date_is_recognized_by_its_format_or_its_pattern(schema: Schema, *, expected: bool) -> None:
    assert is_date(schema) is expected
