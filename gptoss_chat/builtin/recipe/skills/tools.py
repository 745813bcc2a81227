"""Questions that a tool answers: the time of the clock, and any sum of the calculator.

Knows nothing of splits, and nothing of how a call is written in a prompt.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from gptoss_chat.builtin.recipe.skills.arithmetic import FRAMES, SPOKEN
from gptoss_chat.builtin.recipe.skills.common import Draft, ask
from gptoss_chat.harmony.messages import FunctionTool

CLOCK = FunctionTool("clock", "Tells the time.")
CALCULATOR = FunctionTool(
    "calculator",
    "Works out an expression.",
    {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
)
OFFERED = (CLOCK, CALCULATOR)
"""The tools of every conversation that has tools: a small model learns these two, not how to read a declaration."""

FAILED = "I have no answer: the tool failed."
_ERRORS = (
    "error: not allowed",
    "error: the call was not allowed",
    "error: the person did not allow this call",
    "error: timed out",
    "error: no answer after 10 s",
    "error: exit code 1",
    "error: exit code 2: no such file",
    "error: invalid expression",
    "error: unknown tool",
)
_TIME = (
    "What time is it?",
    "What is the time?",
    "What's the time?",
    "What time is it now?",
    "Tell me the time.",
    "Do you know what time it is?",
    "Can you tell me the time?",
    "Which time is it?",
    "How late is it?",
    "The time?",
    "Time?",
    "What does the clock say?",
    "Give me the time.",
    "What is the time now?",
    "Is it late?",
    "The time now?",
    "What hour is it?",
    "Look at the clock.",
    "Check the time.",
    "Read the clock.",
)
_NEXT = {
    "+": ("And plus {b}?", "Now add {b}.", "Add {b}.", "Plus {b}?"),
    "-": ("And minus {b}?", "Now subtract {b}.", "Subtract {b}.", "Minus {b}?"),
    "*": ("And times {b}?", "Now multiply by {b}.", "Multiply that by {b}.", "Times {b}?"),
    "/": ("And divided by {b}?", "Now divide by {b}.", "Divide that by {b}.", "Divided by {b}?"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function, its arguments as JSON text, and what it gave back."""

    name: str
    arguments: str
    result: str


def value_of(a: int, sign: str, b: int) -> str:
    """What a calculator shows: a whole number, or at most four decimals."""
    if sign == "/":
        return str(a // b) if a % b == 0 else f"{a / b:.4f}".rstrip("0")
    return str({"+": a + b, "-": a - b, "*": a * b}[sign])


def _number(rng: random.Random) -> int:
    digits = rng.choice((1, 1, 2, 2, 2, 3, 3, 4, 5, 6))
    return rng.randrange(10 ** (digits - 1), 10**digits)


def _result(rng: random.Random, right: str) -> str:
    return rng.choice(_ERRORS) if rng.random() < 0.08 else right


def _used(user: str, tool: FunctionTool, arguments: str, result: str, final: str) -> tuple[Draft, Call]:
    final = FAILED if result.startswith("error:") else final
    return Draft(user, f"use the {tool.name}", final, recalled=True), Call(tool.name, arguments, result)


def _computed(rng: random.Random, user: str, a: int, sign: str, b: int) -> tuple[Draft, Call]:
    result = _result(rng, value_of(a, sign, b))
    text = f"{a} {sign} {b}"
    return _used(user, CALCULATOR, f'{{"expression":"{text}"}}', result, f"{text} = {result}")


def tools(rng: random.Random) -> tuple[tuple[Draft, Call], ...]:
    """The time, or something to compute; now and then with a follow-up that goes on from its result."""
    if rng.random() < 0.3:
        result = _result(rng, f"{rng.randrange(24):02d}:{rng.randrange(60):02d}")
        return (_used(ask(rng, _TIME), CLOCK, "{}", result, f"It is {result}."),)
    a, sign, b = _number(rng), rng.choice("+-*/"), _number(rng)
    first = _computed(rng, ask(rng, (rng.choice(FRAMES).format(rng.choice(SPOKEN[sign])),), a=a, b=b), a, sign, b)
    result = first[1].result
    if rng.random() < 0.75 or not result.isdigit():
        return (first,)
    sign, b = rng.choice("+-*/"), rng.randrange(2, rng.choice((10, 100)))
    return first, _computed(rng, ask(rng, _NEXT[sign], b=b), int(result), sign, b)
