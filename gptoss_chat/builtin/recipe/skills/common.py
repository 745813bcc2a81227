"""What every skill shares: the drawn exchange, variation of the question, and words.

Knows nothing of samples or of the model's prompt format.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gptoss_chat.builtin.recipe import words


@dataclass(frozen=True, slots=True)
class Draft:
    """One exchange before its effort is known.

    `number` is what it ends in, where a follow-up can go on from it. `check` is working that ends the analysis at high effort.
    `recalled`: there is nothing to work out, so that at low effort there is no analysis.
    """

    user: str
    analysis: str
    final: str
    number: int | None = None
    check: str = ""
    recalled: bool = False

    def reasoning(self, effort: str) -> str:
        """The analysis for an effort."""
        if effort == "low" and self.recalled:
            return ""
        return f"{self.analysis}; check {self.check}" if effort == "high" and self.check else self.analysis


_BEFORE = ("Please ", "Hey, ", "Ok, ", "So, ", "Hi, ", "Now, ")


def phrase(rng: random.Random, text: str) -> str:
    """A question as people type it: now and then without the capital or the final mark, rarely with a polite word."""
    roll = rng.random()
    if roll < 0.04:
        text = rng.choice(_BEFORE) + text[0].lower() + text[1:]
    elif roll < 0.06 and "=" not in text:
        text = f"{text[:-1]}, please{text[-1]}" if text[-1] in "?." else f"{text}, please"
    if rng.random() < 0.25:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.2 and text[-1] in "?.":
        text = text[:-1]
    return text


def ask(rng: random.Random, forms: Sequence[str], **values: object) -> str:
    """One of the forms with its values, typed in one of many ways."""
    return phrase(rng, rng.choice(forms).format(**values))


Intent = tuple[str, str, tuple[str, ...]]
"""Something that people say in several ways: a note for the analysis, the answer, the questions."""


def of_intents(rng: random.Random, intents: Sequence[Intent]) -> Draft:
    """A question of one of the intents, and its answer."""
    note, answer, questions = rng.choice(intents)
    return Draft(phrase(rng, rng.choice(questions)), note, answer, recalled=True)


_ONSETS = (*"bcdfghjklmnpqrstvwxyz", "br", "ch", "cl", "dr", "fl", "gr", "pl", "qu", "sh", "st", "th", "tr", "wh")
_VOWELS = (*"aeiou", *"aeiou", "ai", "ea", "ee", "io", "oo", "ou", "y")
_CODAS = ("", "", "", *"nrstlmdkpxbg", "ck", "ll", "ng", "ss", "st", "nt", "tt")


def invented_word(rng: random.Random) -> str:
    """A word of three to nine letters that need not exist; one in four is a row of any letters."""
    if rng.random() < 0.25:
        return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(3, 8)))
    parts = (rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.randrange(1, 4)))
    return ("".join(parts) + rng.choice("aeinorst") * 2)[: rng.randrange(3, 10)]


def any_word(rng: random.Random) -> str:
    """A word of the list, or three times in ten an invented one, so that the letters of any word are learnt."""
    return invented_word(rng) if rng.random() < 0.3 else rng.choice(words.WORDS)
