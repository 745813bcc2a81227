"""Letters of a word: spelled, reversed, counted, the first and the last.

Knows nothing of splits. In working and answers alike a dash or a number stands between letters and no space, so that a letter
is always the same token and stands at the same stride, which makes of most of the work a copy.
"""

from __future__ import annotations

import random

from gptoss_chat.builtin.recipe.skills.common import Draft, any_word, ask

_QUOTED = ('"{}"', "{}", "'{}'", "{}", "{}", "the word {}")
_COUNT_ONE = (
    "How many times is the letter {c} in {w}?",
    "Count the letter {c} in {w}.",
    "How many {c} are in {w}?",
    "How many {c}'s are in {w}?",
    "How many {c}'s in {w}?",
    "How many letters {c} are in {w}?",
    "How often is {c} in {w}?",
)
_REVERSE = (
    "Reverse {w}.",
    "Spell {w} backwards.",
    "What is {w} backwards?",
    "Write {w} backwards.",
    "Reverse the letters of {w}.",
)
_SPELL = ("Spell {w}.", "How do you spell {w}?", "Spell out {w}.", "Which letters are in {w}?", "How is {w} spelled?")
_LENGTH = (
    "How many letters are in {w}?",
    "Count the letters in {w}.",
    "How long is {w}?",
    "How many letters does {w} have?",
    "How many letters has {w}?",
)
_END = (
    "What is the {e} letter of {w}?",
    "Which letter is {e} in {w}?",
    "The {e} letter of {w}?",
    "What is the {e} letter in {w}?",
)
_VOWELS = (
    "How many vowels are in {w}?",
    "Count the vowels in {w}.",
    "How many vowels does {w} have?",
    "Number of vowels in {w}?",
)


def _times(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _running(word: str, counted: str) -> tuple[str, int]:
    """Each letter, the counted ones with their number: `s-t-r1`, and how many there are.

    What followed a letter where it last stood (the colon, a number or a dash) says whether it counts: such copying is what
    attention learns first.
    """
    count, steps = 0, []
    for letter in word:
        count += letter in counted
        steps.append(f"{letter}{count if letter in counted else '-'}")
    return "".join(steps), count


def count_one(user: str, word: str, letter: str) -> Draft:
    """How often a letter is in a word."""
    steps, count = _running(word, letter)
    return Draft(
        user, f"count:{letter}:{steps}={count}", f'The letter {letter} is in "{word}" {_times(count, "time")}', count
    )


def reverse(user: str, word: str) -> Draft:
    """The letters from the last to the first."""
    return Draft(user, f"letters:{'-'.join(word)};backwards:{'-'.join(word[::-1])}", "-".join(word[::-1]))


def spell(user: str, word: str) -> Draft:
    """The letters in their order."""
    return Draft(user, f"letters:{'-'.join(word)}", "-".join(word))


def length(user: str, word: str) -> Draft:
    """How many letters a word has."""
    steps = "".join(f"{letter}{place}" for place, letter in enumerate(word, start=1))
    return Draft(user, f"letters:{steps}={len(word)}", f'"{word}" has {_times(len(word), "letter")}', len(word))


def end(user: str, word: str, which: str) -> Draft:
    """The first or the last letter."""
    letter = word[0] if which == "first" else word[-1]
    return Draft(user, f"letters:{'-'.join(word)};{which}:{letter}", f'The {which} letter of "{word}" is {letter}')


def _vowels(user: str, word: str) -> Draft:
    steps, count = _running(word, "aeiou")
    return Draft(user, f"vowels:{steps}={count}", f'"{word}" has {_times(count, "vowel")}', count)


def some_letter(rng: random.Random, word: str) -> str:
    """A letter that is most often in the word."""
    return rng.choice(word) if rng.random() < 0.8 else rng.choice("abcdefghijklmnopqrstuvwxyz")


def ask_count_one(rng: random.Random, word: str, letter: str) -> Draft:
    """A question for how often a letter is in a word, and its answer."""
    return count_one(ask(rng, _COUNT_ONE, c=letter, w=rng.choice(_QUOTED).format(word)), word, letter)


def ask_spell(rng: random.Random, word: str) -> Draft:
    """A question for the letters of a word, and its answer."""
    return spell(ask(rng, _SPELL, w=rng.choice(_QUOTED).format(word)), word)


def ask_length(rng: random.Random, word: str) -> Draft:
    """A question for the length of a word, and its answer."""
    return length(ask(rng, _LENGTH, w=rng.choice(_QUOTED[:3] + _QUOTED[5:]).format(word)), word)


def letters(rng: random.Random) -> Draft:
    """One task of any kind."""
    word = any_word(rng)
    shown = rng.choice(_QUOTED).format(word)
    match rng.choices(("one", "reverse", "spell", "length", "end", "vowels"), (28, 22, 14, 16, 10, 10))[0]:
        case "one":
            return ask_count_one(rng, word, some_letter(rng, word))
        case "reverse":
            return reverse(ask(rng, _REVERSE, w=shown), word)
        case "spell":
            return ask_spell(rng, word)
        case "length":
            return ask_length(rng, word)
        case "end":
            which = rng.choice(("first", "last"))
            return end(ask(rng, _END, w=shown, e=which), word, which)
        case _:
            return _vowels(ask(rng, _VOWELS, w=shown), word)
