"""Sums, differences, products, quotients, remainders and a few percentages.

Knows nothing of splits; the working is that of the module of its name.
"""

from __future__ import annotations

import random

from gptoss_chat.builtin.recipe.skills.common import Draft, ask
from gptoss_chat.builtin.recipe.skills.working import compute, div_working, mul_working

SPOKEN = {
    "+": ("{a} + {b}", "{a}+{b}", "{a} plus {b}"),
    "-": ("{a} - {b}", "{a}-{b}", "{a} minus {b}"),
    "*": ("{a} * {b}", "{a}*{b}", "{a} times {b}", "{a} x {b}", "{a} multiplied by {b}"),
    "/": ("{a} / {b}", "{a}/{b}", "{a} divided by {b}"),
}
_ORDERS = {
    "+": ("Add {a} and {b}.", "What is the sum of {a} and {b}?"),
    "-": ("Subtract {b} from {a}.",),
    "*": ("Multiply {a} by {b}.", "What is the product of {a} and {b}?"),
    "/": ("Divide {a} by {b}.",),
}
FRAMES = (
    "What is {}?",
    "What is {}?",
    "{}",
    "{} = ?",
    "{} =",
    "What's {}?",
    "Calculate {}.",
    "How much is {}?",
    "Work out {}.",
)
_REMAINDER = (
    "What is the remainder of {a} divided by {b}?",
    "What is the remainder of {a} / {b}?",
    "Remainder of {a} divided by {b}?",
    "{a} divided by {b} with remainder?",
    "What remains when {a} is divided by {b}?",
)
_PERCENT = (
    "What is {p}% of {n}?",
    "{p}% of {n}?",
    "{p} percent of {n}?",
    "What is {p} percent of {n}?",
    "Calculate {p}% of {n}.",
    "How much is {p}% of {n}?",
)
_STEP_OF_PERCENT = {10: 10, 20: 10, 25: 4, 50: 2}


def number_below(rng: random.Random, digits: tuple[int, ...] = (1, 2, 2, 2, 3, 3)) -> int:
    """A number of one of the lengths."""
    length = rng.choice(digits)
    return rng.randrange(10 ** (length - 1) if length > 1 else 0, 10**length)


def operands(rng: random.Random, sign: str) -> tuple[int, int]:
    """Numbers that suit the sign."""
    match sign:
        case "+":
            return number_below(rng), number_below(rng)
        case "-":
            a, b = number_below(rng), number_below(rng)
            return (max(a, b), min(a, b)) if rng.random() < 0.7 else (a, b)
        case "*":
            if rng.random() < 0.2:
                return rng.randrange(10, 100), rng.randrange(10, 100)
            a = number_below(rng, (1, 1, 2, 2, 2, 3))
            b = rng.randrange(2, 10) if rng.random() < 0.95 else rng.randrange(2)
            return (a, b) if rng.random() < 0.8 else (b, a)
        case _:
            b = rng.randrange(2, 11)
            if rng.random() < 0.3:
                return max(b, number_below(rng, (2, 2, 3))), b
            return b * rng.randrange(1, rng.choice((11, 11, 999 // b + 1))), b


def solved(user: str, a: int, sign: str, b: int, *, remainder: bool = False) -> Draft:
    """The answer to a question for one operation; `remainder`: named even where it is 0."""
    working, result, check = compute(a, sign, b)
    final, rest = f"{a} {sign} {b} = {result}", a % b if sign == "/" else 0
    if rest or remainder:
        return Draft(user, working, f"{final} remainder {rest}", None, check)
    return Draft(user, working, final, result, check)


def arithmetic(rng: random.Random) -> Draft:
    """One problem of any kind."""
    roll = rng.random()
    if roll < 0.06:
        return _percent(rng)
    if roll < 0.12:
        b = rng.randrange(2, 11)
        a = max(b, number_below(rng, (2, 2, 3)))
        return solved(ask(rng, _REMAINDER, a=a, b=b), a, "/", b, remainder=True)
    sign = rng.choice("++--***/")
    a, b = operands(rng, sign)
    forms = _ORDERS[sign] if rng.random() < 0.2 else (rng.choice(FRAMES).format(rng.choice(SPOKEN[sign])),)
    return solved(ask(rng, forms, a=a, b=b), a, sign, b)


def _percent(rng: random.Random) -> Draft:
    percent = rng.choice((10, 20, 25, 50))
    step = _STEP_OF_PERCENT[percent]
    n = step * rng.randrange(1, rng.choice((11, 999 // step + 1)))
    working, result = div_working(n, step), n // step
    if percent == 20:
        working, result = f"{working}; {mul_working(result, 2)}", result * 2
    return Draft(ask(rng, _PERCENT, p=percent, n=n), working, f"{percent}% of {n} = {result}", result)
