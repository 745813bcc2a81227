"""Writes the conversations that the built-in model learns: `sample` makes one, from a random source and nothing else.

Every word of it is ours. Training and evaluation never share a prompt: a prompt belongs to the split that a hash of its text
names. Knows nothing of tokens or models, and leaves what is asked and answered to the skills.
"""

from __future__ import annotations

import calendar
import datetime
import functools
import random
import zlib
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.skills.app import app
from gptoss_chat.builtin.recipe.skills.arithmetic import arithmetic
from gptoss_chat.builtin.recipe.skills.common import Draft
from gptoss_chat.builtin.recipe.skills.conversion import conversion
from gptoss_chat.builtin.recipe.skills.dates import dates
from gptoss_chat.builtin.recipe.skills.decline import decline
from gptoss_chat.builtin.recipe.skills.facts import facts
from gptoss_chat.builtin.recipe.skills.followup import follow_up
from gptoss_chat.builtin.recipe.skills.letters import letters
from gptoss_chat.builtin.recipe.skills.smalltalk import smalltalk
from gptoss_chat.builtin.recipe.skills.sorting import sorting
from gptoss_chat.builtin.recipe.skills.tools import Call, tools

Split = Literal["train", "eval"]
Effort = Literal["low", "medium", "high"]
_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")

SKILLS = (
    "arithmetic",
    "conversion",
    "letters",
    "sorting",
    "dates",
    "facts",
    "smalltalk",
    "app",
    "decline",
    "followup",
    "tools",
)
WEIGHTS = (22, 16, 18, 12, 9, 10, 12, 9, 16, 14, 10)
"""How often each skill is drawn."""
_ALONE = {
    "arithmetic": arithmetic,
    "conversion": conversion,
    "letters": letters,
    "sorting": sorting,
    "facts": facts,
    "smalltalk": smalltalk,
    "app": app,
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the reasoning, and the answer; `call` is the tool call between the two."""

    user: str
    analysis: str
    final: str
    skill: str
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation: its exchanges, the reasoning effort and the date (YYYY-MM-DD) of its system message, and whether the
    tools are offered."""

    exchanges: tuple[Exchange, ...]
    effort: Effort
    date: str
    tools: bool = False


def key_of(*questions: str) -> str:
    """What makes a prompt the same prompt: its text but for case and the final mark."""
    return " / ".join(question.lower().rstrip("?.") for question in questions)


_SALT = 9300
"""Start of the hash, chosen so that the few greetings of one word, which nothing else teaches, are for training."""


def _split_of(text: str) -> Split:
    return "eval" if zlib.crc32(text.encode(), _SALT) % 10 == 0 else "train"


@functools.cache
def _of_split(options: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The sixth of the options that is held out for evaluation, or the rest."""
    return tuple(option for option in options if (zlib.crc32(option.encode()) % 6 == 0) == (split == "eval"))


def _some_day(rng: random.Random) -> datetime.date:
    """A day of the years that the model is used in; ends of months more often than the calendar has them."""
    day = datetime.date(2025, 1, 1) + datetime.timedelta(days=rng.randrange(1826))
    match rng.randrange(12):
        case 0:
            return day.replace(day=1)
        case 1:
            return day.replace(day=calendar.monthrange(day.year, day.month)[1])
        case _:
            return day


def _draw(rng: random.Random, skill: str, today: datetime.date, split: Split) -> tuple[tuple[Draft, Call | None], ...]:
    if skill in _ALONE:
        return ((_ALONE[skill](rng), None),)
    match skill:
        case "dates":
            return ((dates(rng, today), None),)
        case "decline":
            # Its fillers and templates are held out, not its prompts; of the questions for capitals, only the country is.
            draft = decline(
                rng,
                lambda options: rng.choice(_of_split(options, split)),
                lambda text: _split_of(key_of(text)) == split,
            )
            return ((draft, None),)
        case "followup":
            return tuple((draft, None) for draft in follow_up(rng, today))
        case "tools":
            if rng.random() < 0.3:  # tools on offer are no reason to use one
                return _draw(
                    rng, rng.choice(("letters", "sorting", "facts", "smalltalk", "app", "decline")), today, split
                )
            return tools(rng)
    raise ValueError(f"no skill named {skill}")


def sample(rng: random.Random, split: Split, skill: str | None = None) -> Sample:
    """A conversation of the split, of the skill or of one drawn by weight; its last prompts never occur in the other split."""
    name = skill or rng.choices(SKILLS, WEIGHTS)[0]
    while True:
        today = _some_day(rng)
        drawn = _draw(rng, name, today, split)
        key = key_of(*(draft.user for draft, _ in drawn))
        dated = any(draft.analysis.startswith("Current date") for draft, _ in drawn)
        declined = drawn[-1][0].final == words.HONEST
        if declined or _split_of(f"{key} {today}" if dated else key) == split:
            break
    effort = rng.choices(_EFFORTS, (2, 4, 1))[0]
    exchanges = tuple(Exchange(draft.user, draft.reasoning(effort), draft.final, name, call) for draft, call in drawn)
    return Sample(exchanges, effort, today.isoformat(), tools=name == "tools")
