"""Lists put in order: words by the alphabet, numbers by size, letters of a word; lists reversed and counted.

Knows nothing of splits. Words of a list have different first letters, numbers are below 100.
"""

from __future__ import annotations

import functools
import random

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.skills.common import Draft, any_word, ask

_WORDS = (
    "Sort {l}.",
    "Put {l} in alphabetical order.",
    "Sort these words: {l}.",
    "Sort the words {l}.",
    "Alphabetical order: {l}",
)
_NUMBERS = (
    "Sort {l}.",
    "Sort the numbers {l}.",
    "Put {l} in order.",
    "Sort these numbers: {l}.",
    "Order the numbers {l}.",
)
_EXTREME = (
    "What is the {e} of {l}?",
    "Which number is the {e}: {l}?",
    "Which is the {e} of {l}?",
    "Find the {e}: {l}.",
)
_LETTERS = (
    "Sort the letters of {w}.",
    "Sort the letters in {w}.",
    "Put the letters of {w} in order.",
    "Put the letters of {w} in alphabetical order.",
)
_REVERSE = (
    "Reverse the list {l}.",
    "Reverse the order of {l}.",
    "Reverse these words: {l}.",
    "List {l} in reverse order.",
)
_COUNT = (
    "How many words are in the list {l}?",
    "Count the words: {l}.",
    "How many words are these: {l}?",
    "Count the words {l}.",
)


@functools.cache
def _starting_with(letter: str) -> tuple[str, ...]:
    return tuple(word for word in words.WORDS if word[0] == letter)


def _some_words(rng: random.Random) -> list[str]:
    """Three to five words with different first letters."""
    initials = rng.sample(
        [letter for letter in "abcdefghijklmnopqrstuvwyz" if _starting_with(letter)], rng.randrange(3, 6)
    )
    return [rng.choice(_starting_with(letter)) for letter in initials]


def _numbered(chosen: list[str]) -> str:
    return ",".join(f"{place} {word}" for place, word in enumerate(chosen, start=1))


def sorting(rng: random.Random) -> Draft:
    """One task of any kind."""
    match rng.choices(("words", "numbers", "extreme", "letters", "reverse", "count"), (30, 24, 16, 12, 10, 8))[0]:
        case "words":
            chosen = _some_words(rng)
            ordered = sorted(chosen)
            # Every word behind its key, then the keys in order: the answer looks each word up.
            keys = f"words:{','.join(f'{word[0]} {word}' for word in chosen)};{','.join(word[0] for word in ordered)}"
            return Draft(ask(rng, _WORDS, l=", ".join(chosen)), keys, ", ".join(ordered))
        case "numbers" | "extreme" as kind:
            return _numbers(rng, extreme=kind == "extreme")
        case "letters":
            word = any_word(rng)
            ordered = sorted(word)
            return Draft(
                ask(rng, _LETTERS, w=rng.choice(("{}", '"{}"')).format(word)),
                f"letters:{'-'.join(word)};sorted:{'-'.join(ordered)}",
                "-".join(ordered),
            )
        case "reverse":
            chosen = _some_words(rng)
            steps = f"{_numbered(chosen)};{','.join(str(place) for place in range(len(chosen), 0, -1))}"
            return Draft(ask(rng, _REVERSE, l=", ".join(chosen)), steps, ", ".join(reversed(chosen)))
        case _:
            chosen = _some_words(rng)
            return Draft(
                ask(rng, _COUNT, l=", ".join(chosen)),
                f"{_numbered(chosen)}={len(chosen)}",
                f"There are {len(chosen)} words",
            )


def _numbers(rng: random.Random, *, extreme: bool) -> Draft:
    numbers = rng.sample(range(100), rng.randrange(3, 6))
    ordered, listed = sorted(numbers), ", ".join(map(str, numbers))
    padded = " ".join(f"{number:02d}" for number in numbers)
    if extreme:
        which = rng.choice(("largest", "smallest"))
        found = ordered[-1] if which == "largest" else ordered[0]
        return Draft(ask(rng, _EXTREME, e=which, l=listed), f"{padded}; {which} {found:02d}", f"The {which} is {found}")
    steps = " ".join(f"{number:02d}" for number in ordered)
    return Draft(ask(rng, _NUMBERS, l=listed), f"{padded}; {steps}", ", ".join(map(str, ordered)))
