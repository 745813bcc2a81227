"""Everything that the small model cannot do, answered honestly.

Knows nothing of samples. Templates, fillers and made-up text come through `pick` and `keep`, by which the caller holds some of
them out.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.skills import fillers
from gptoss_chat.builtin.recipe.skills.common import Draft, invented_word, phrase
from gptoss_chat.builtin.recipe.skills.facts import CAPITALS

Pick = Callable[[tuple[str, ...]], str]


def _nonsense(rng: random.Random) -> str:
    """A row of made-up words."""
    text = " ".join(invented_word(rng) for _ in range(rng.randrange(1, 6)))
    return text[0].upper() + text[1:] + rng.choice((".", "?", "", ""))


def _unheard_of(rng: random.Random) -> str:
    """A question for the capital of a made-up country, so that a name nobody has heard is no reason to guess."""
    return rng.choice(CAPITALS.questions).format(k=invented_word(rng).capitalize())


def decline(rng: random.Random, pick: Pick, keep: Callable[[str], bool]) -> Draft:
    """A question outside the field. `pick` chooses of the options that may be used, `keep` says whether made-up text may."""
    roll = rng.random()
    if roll < 0.05:
        text = rng.choice(CAPITALS.questions).format(k=pick(fillers.UNKNOWN_COUNTRIES))
    elif roll < 0.07:
        text = _unheard_of(rng)
        while not keep(text):
            text = _unheard_of(rng)
    elif roll < 0.12:
        text = _nonsense(rng)
        while not keep(text):
            text = _nonsense(rng)
    else:
        topic = pick(fillers.TOPICS)
        if rng.random() < 0.15:
            topic = f"{topic} and {pick(fillers.TOPICS)}"
        text = pick(fillers.TEMPLATES).format(
            topic=topic,
            thing=pick(fillers.THINGS),
            person=pick(fillers.PEOPLE),
            place=pick(fillers.PLACES),
            word=pick(words.WORDS),
            language=pick(fillers.LANGUAGES),
            n=rng.randrange(2, 1000),
            m=rng.randrange(2, 10),
        )
        text = text[0].upper() + text[1:]
    return Draft(phrase(rng, text), "outside what I can do", words.HONEST, recalled=True)
