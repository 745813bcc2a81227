"""The two tools that come with the program, a clock and a calculator; it knows nothing of how they are offered.

The built-in model has learnt this pair by heart, in this order and with these declarations
(gptoss_chat/builtin/recipe/skills/tools.py): it calls either only where both are offered.
"""

from __future__ import annotations

import ast
import operator
import time
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from gptoss_chat.harmony.messages import FunctionTool
from gptoss_chat.tools.values import Stopped, Tool, ToolError

LONGEST_EXPRESSION = 200  # characters: bounds the depth of the tree, too
LONGEST_NUMBER_BITS = 4_096

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}


def clock(_arguments: Mapping[str, Any], _stopped: Stopped) -> str:
    """The local time, as 14:05."""
    return time.strftime("%H:%M")


def calculator(arguments: Mapping[str, Any], _stopped: Stopped) -> str:
    """The value of `expression`: a whole number, or at most four decimals. Raises ToolError."""
    text = arguments["expression"]
    if len(text) > LONGEST_EXPRESSION:
        raise ToolError(f"the expression is longer than {LONGEST_EXPRESSION} characters")
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body)
        return str(value.numerator) if value.denominator == 1 else f"{float(value):.4f}".rstrip("0").rstrip(".")
    except (SyntaxError, ValueError) as error:
        raise ToolError("invalid expression") from error
    except ZeroDivisionError as error:
        raise ToolError("division by zero") from error
    except OverflowError as error:
        raise ToolError("the number is too large") from error


def _value(node: ast.expr) -> Fraction:
    """The exact value. Raises ValueError for what is no arithmetic, ZeroDivisionError and OverflowError."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(Fraction(str(number)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _bounded(_OPERATORS[type(sign)](_value(left), _value(right)))
    raise ValueError("not arithmetic")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise ValueError("only whole powers are exact")
    size_bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if size_bits * abs(exponent.numerator) > LONGEST_NUMBER_BITS:
        raise OverflowError
    return Fraction(base**exponent.numerator)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > LONGEST_NUMBER_BITS:
        raise OverflowError
    return value


BUILT_IN = {
    tool.function.name: tool
    for tool in (
        Tool(FunctionTool("clock", "Tells the time."), clock, "built in: the time of this machine", "always"),
        Tool(
            FunctionTool(
                "calculator",
                "Works out an expression.",
                {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
            ),
            calculator,
            "built in: exact arithmetic",
            "always",
        ),
    )
}
"""By name. They touch nothing, so they need no consent; config.toml can say otherwise."""
