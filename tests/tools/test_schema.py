"""Arguments against schemas."""

from __future__ import annotations

from typing import Any

import pytest

from gptoss_chat.tools.schema import mismatch

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["c", "f"]},
        "places": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "number"}}}},
        "note": {"type": ["string", "null"]},
        "when": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    },
    "required": ["city"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "value",
    [
        {"city": "Bonn"},
        {"city": "Bonn", "days": 3, "unit": "c", "places": [{"x": 1}, {"x": 1.5}], "note": None, "when": 4},
        {"city": "Bonn", "days": 3.0},
    ],
)
def test_arguments_that_fit_have_no_mismatch(value: object) -> None:
    """Every keyword may be met."""
    assert mismatch(CITY, value) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "'city' is missing"),
        ({"city": 3}, "'city' must be string"),
        ({"city": "Bonn", "days": True}, "'days' must be integer"),
        ({"city": "Bonn", "days": 1.5}, "'days' must be integer"),
        ({"city": "Bonn", "unit": "k"}, "'unit' must be one of c, f"),
        ({"city": "Bonn", "places": [{"x": 1}, {"x": "1"}]}, "'places[1].x' must be number"),
        ({"city": "Bonn", "town": "Bonn"}, "there is no argument 'town'"),
        ({"city": "Bonn", "when": None}, "'when' must be one of 2 forms"),
        ([], "the arguments must be object"),
    ],
)
def test_mismatch_names_the_place(value: object, says: str) -> None:
    """In words that a model can act on."""
    assert mismatch(CITY, value) == says


def test_schema_that_is_none_allows_everything() -> None:
    """A tool's author may have written nonsense: the tool itself has the last word."""
    assert mismatch({"type": "whatever", "properties": 3, "required": "x", "enum": 1}, {"a": 1}) is None
