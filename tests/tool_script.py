"""A scripted engine whose answers call tools, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable

from gptoss_chat.harmony import HarmonyEncoding
from tests.scripted import ScriptedEngine

RESULT = " to=assistant<|channel|>commentary<|message|>"
Step = Callable[[int, str], str]
"""From how many results the turn has, and the last of them, to what the model writes next, in harmony's own form."""


def call_of(name: str, arguments: str, thought: str = "") -> str:
    """A call as the built-in model writes it, after an analysis if there is a thought."""
    before = f"<|channel|>analysis<|message|>{thought}<|end|><|start|>assistant" if thought else ""
    return f"{before} to=functions.{name}<|channel|>commentary <|constrain|>json<|message|>{arguments}<|call|>"


def final_of(text: str) -> str:
    """An answer."""
    return f"<|channel|>final<|message|>{text}<|return|>"


def clock_step(results: int, last: str) -> str:
    """Look at the clock once, then tell what it says."""
    return final_of(f"It is {last}.") if results else call_of("clock", "{}", "use the clock")


class ToolEngine(ScriptedEngine):
    """Writes what `step` says; a prompt that already holds the beginning of a step gets the rest of it."""

    def __init__(self, encoding: HarmonyEncoding, step: Step, *, pause_at: int | None = None) -> None:
        super().__init__(encoding, pause_at=pause_at)
        self.step = step

    def answer_ids(self, prompt: list[int]) -> list[int]:
        turn = self.encoding.decode_bytes(prompt).decode("utf-8").rpartition("<|start|>user")[2]
        *_, since = turn.split(RESULT)
        results = turn.count(RESULT)
        last, _, begun = since.partition("<|end|><|start|>assistant")
        written = self.step(results, last if results else "")
        assert written.startswith(begun), (written, begun)
        return self.ids_of(written[len(begun) :])

    def ids_of(self, text: str) -> list[int]:
        """The ids of harmony's own form, control tokens included."""
        pieces = re.split(r"(<\|[a-z]+\|>)", text)
        return [
            token_id
            for at, piece in enumerate(pieces)
            for token_id in ([self.encoding.special(piece)] if at % 2 else self.encoding.encode_text(piece))
        ]
