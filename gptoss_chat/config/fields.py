"""The one list of settings: what each may be and what it is for; it knows nothing of files, or of who uses the values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from gptoss_chat.errors import SettingsError

Kind = Literal["text", "choice", "flag", "whole", "number"]
When = Literal["now", "from the next prompt on", "at the next start"]
_WORDS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
_MUST_BE: dict[Kind, str] = {
    "text": "text in quotes",
    "choice": "text in quotes",
    "flag": "true or false",
    "whole": "a whole number",
    "number": "a number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. `unset` says what None means, where the setting may be left out; `low` and `high` bound a number.

    A text has to match `pattern`, where there is one; `example` shows what does, and `help` says it.
    """

    name: str
    kind: Kind
    help: str
    example: str
    unset: str = ""
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    when: When = "from the next prompt on"
    in_preset: bool = False

    def check(self, value: Any, source: str) -> Any:
        """`value` as the setting has it: a whole number serves as a number. Raises SettingsError naming `source`."""
        if self.kind == "number" and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        wanted: type = {"flag": bool, "whole": int, "number": float}.get(self.kind, str)
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise SettingsError(f"{source}: {self.name} is {value!r}.", f"It must be {_MUST_BE[self.kind]}.")
        if self.choices and value not in self.choices:
            raise SettingsError(f"{source}: {self.name} is {value!r}.", f"Use {_or(self.choices)}.")
        if self.pattern and not re.fullmatch(self.pattern, str(value)):
            raise SettingsError(f"{source}: {self.name} is {value!r}.", f"Use {self.help[0].lower()}{self.help[1:]}.")
        if isinstance(value, int | float) and wanted is not bool and not self.low <= value <= self.high:
            kind = _MUST_BE[self.kind]
            raise SettingsError(f"{source}: {self.name} is {value}.", f"Use {kind} from {self.low:g} to {self.high:g}.")
        return value

    def parse(self, text: str, source: str) -> Any:
        """The value from text typed by a person. Raises SettingsError naming `source`."""
        value: Any = text
        try:
            if self.kind == "flag":
                value = _WORDS[text.strip().lower()]
            elif self.kind == "whole":
                value = int(text)
            elif self.kind == "number":
                value = float(text)
        except (KeyError, ValueError) as error:
            raise SettingsError(f"{source}: {self.name} is {text!r}.", f"It must be {_MUST_BE[self.kind]}.") from error
        return self.check(value, source)


def _or(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_AS_MODEL = "as the checkpoint says, else 1 and no cuts"

FIELDS: tuple[Field, ...] = (
    Field(
        "model",
        "text",
        "The model: built-in, a folder, or a Hugging Face repository in the local cache",
        '"built-in"',
        when="at the next start",
    ),
    Field(
        "preset",
        "text",
        "The preset in force at the start, one of [presets.NAME] below; empty for none",
        '""',
        when="at the next start",
    ),
    Field(
        "effort",
        "choice",
        "How long the model thinks: low, medium or high",
        '"medium"',
        choices=("low", "medium", "high"),
        in_preset=True,
    ),
    Field("system", "text", "Replaces the first line of the system message", '""', in_preset=True),
    Field("developer", "text", "Instructions for every conversation", '""', in_preset=True),
    Field(
        "temperature",
        "number",
        "How freely words are drawn; 0 is greedy",
        "1.0",
        unset=_AS_MODEL,
        high=10,
        in_preset=True,
    ),
    Field(
        "top_p",
        "number",
        "Draw from the likeliest words of this total probability; 1 is off",
        "1.0",
        unset=_AS_MODEL,
        high=1,
        in_preset=True,
    ),
    Field(
        "top_k",
        "whole",
        "Draw from this many of the likeliest words; 0 is off",
        "0",
        unset=_AS_MODEL,
        high=1_000_000,
        in_preset=True,
    ),
    Field(
        "min_p",
        "number",
        "Leave out words below this share of the likeliest one's probability; 0 is off",
        "0.0",
        unset=_AS_MODEL,
        high=1,
        in_preset=True,
    ),
    Field(
        "repetition_penalty",
        "number",
        "Above 1, words that were used become less likely; 1 is off",
        "1.0",
        unset=_AS_MODEL,
        low=0.1,
        high=10,
        in_preset=True,
    ),
    Field(
        "seed",
        "whole",
        "The same seed and prompt give the same text",
        "1",
        unset="another one for every answer",
        high=2**63 - 1,
        in_preset=True,
    ),
    Field(
        "max_tokens",
        "whole",
        "An answer's longest, reasoning included",
        "4096",
        unset="as the context allows",
        low=1,
        high=10_000_000,
        in_preset=True,
    ),
    Field("route", "text", "Changes the router, as --route does: 'ban 3:7; pin *:1'", '""', in_preset=True),
    Field(
        "cache_gib",
        "number",
        "Memory for keys and values of all conversations together, in GiB",
        "2.0",
        low=0.01,
        high=100_000,
        when="at the next start",
    ),
    Field(
        "device",
        "text",
        "Auto (a GPU for big models, where one serves), cpu, cuda, or cuda:N for one of several",
        '"auto"',
        pattern=r"auto|cpu|cuda(:\d{1,3})?",
        when="at the next start",
    ),
    Field(
        "gpu_memory_gib",
        "number",
        "The most of the GPU's memory to take, in GiB; what it does not hold is the CPU's",
        "12.0",
        unset="all that is free, less 1 GiB",
        low=0.1,
        high=100_000,
        when="at the next start",
    ),
    Field(
        "theme",
        "text",
        "Colours: dark, light, dusk, paper, contrast-dark, contrast-light, or a theme of Textual",
        '"dark"',
        when="now",
    ),
    Field("show_reasoning", "flag", "Reasoning shown unfolded", "false", when="now"),
)
BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
PRESET_NAMES: tuple[str, ...] = tuple(field.name for field in FIELDS if field.in_preset)


def field_named(name: str, source: str) -> Field:
    """The setting of that name. Raises SettingsError when there is none."""
    if name not in BY_NAME:
        raise SettingsError(f"{source}: there is no setting '{name}'.", f"There are: {', '.join(BY_NAME)}.")
    return BY_NAME[name]
