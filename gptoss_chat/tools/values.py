"""What a tool is, and how it fails; it knows no particular tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # the first painted frame does not wait for the prompt format
    from gptoss_chat.harmony.messages import FunctionTool

Allow = Literal["ask", "always"]
Stopped = Callable[[], bool]
"""Asked while a tool runs: whether somebody wants it to end."""

ERROR = "error: "
"""How a result begins that is none."""


class ToolError(Exception):
    """A call that gave no result; the text is for the model and the person."""


class ToolStoppedError(Exception):
    """The call was ended because somebody wanted it to end."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function and what runs it. `about` says to the person what that is, for instance the command.

    run: takes the arguments and a Stopped; returns the result. Raises ToolError and ToolStoppedError.
    """

    function: FunctionTool
    run: Callable[[Mapping[str, Any], Stopped], str]
    about: str
    allow: Allow = "ask"
    output_characters: int = 16_000


@dataclass(frozen=True, slots=True)
class Call:
    """A call that makes sense: its tool, and its arguments as the tool's schema wants them."""

    tool: Tool
    arguments: Mapping[str, Any]

    def run(self, stopped: Stopped) -> str:
        """The result, or a text that begins with `error: `. Raises ToolStoppedError."""
        try:
            text = self.tool.run(self.arguments, stopped)
        except ToolError as error:
            text = f"{ERROR}{error}"
        text = text.encode("utf-8", errors="replace").decode(
            "utf-8"
        )  # lone surrogates can't be stored, or become tokens
        if len(text) > self.tool.output_characters:
            return f"{ERROR}{too_long(self.tool.output_characters)}"
        return text


def too_long(output_characters: int) -> str:
    """The sentence for a result that is over the limit."""
    return f"the result is longer than {output_characters:,} characters"
