"""The clock and the calculator, and that the built-in model learns exactly these."""

from __future__ import annotations

import re

import pytest

from gptoss_chat.builtin.recipe.skills.tools import OFFERED, value_of
from gptoss_chat.tools.builtin import BUILT_IN
from gptoss_chat.tools.values import Call


def calculate(expression: str) -> str:
    """The calculator's result."""
    return Call(BUILT_IN["calculator"], {"expression": expression}).run(lambda: False)


def test_pair_is_the_one_that_the_model_learns() -> None:
    """Names, descriptions, schemas and order."""
    assert tuple(tool.function for tool in BUILT_IN.values()) == OFFERED


def test_clock_tells_hours_and_minutes() -> None:
    """Two digits each."""
    assert re.fullmatch(r"[0-2]\d:[0-5]\d", Call(BUILT_IN["clock"], {}).run(lambda: False))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("-7 // 2", "-4"),
        ("7 % 3", "1"),
        ("0.1 + 0.2", "0.3"),
        ("10 / 4", "2.5"),
        ("2 ** 10", "1024"),
        ("2 ** -1", "0.5"),
        ("1 / 30000", "0"),
        ("987654 * 123456", "121931812224"),
    ],
)
def test_expression_has_its_value(expression: str, value: str) -> None:
    """Whole numbers are exact, others have at most four decimals."""
    assert calculate(expression) == value


@pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
def test_values_are_those_of_the_recipe(sign: str) -> None:
    """What the model was trained to read is what it gets."""
    for a, b in ((970908, 7), (12, 5), (3, 8), (100, 25)):
        assert calculate(f"{a} {sign} {b}") == value_of(a, sign, b)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "invalid expression"),
        ("2 +", "invalid expression"),
        ("__import__('os')", "invalid expression"),
        ("a + 1", "invalid expression"),
        ("'a' * 3", "invalid expression"),
        ("True + 1", "invalid expression"),
        ("2 ** 0.5", "invalid expression"),
        ("1 / 0", "division by zero"),
        ("0 ** -1", "division by zero"),
        ("9 ** 9 ** 9", "too large"),
        ("1e999", "invalid expression"),
        ("(" * 150 + "1" + ")" * 150, "longer than"),
        ("-" * 190 + "1", ""),
        ("(" * 99 + "1" + ")" * 99, ""),
    ],
)
def test_what_is_no_sum_is_an_error(expression: str, says: str) -> None:
    """Nothing is evaluated but numbers, and nothing can take long."""
    result = calculate(expression)
    assert result == "1" if not says else (result.startswith("error: ") and says in result)
