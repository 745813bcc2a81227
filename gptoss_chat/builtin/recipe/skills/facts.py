"""A table of facts, and questions for them: capitals, planets, symbols, legs, sides, colours and a few more.

Knows nothing of splits. Analysis recalls the entry, `France: Paris`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.skills.common import Draft, ask


@dataclass(frozen=True, slots=True)
class Table:
    """Entries that are asked for and answered alike.

    In questions {k} is what is asked for and {are} the same with a verb; `note` names the entry in the analysis.
    """

    questions: tuple[str, ...]
    answer: str
    entries: tuple[tuple[str, str], ...]
    note: str = "{k}"

    def draft(self, user: str, key: str, value: str) -> Draft:
        """The answer to a question for the entry."""
        note = self.note.format(k=key)
        return Draft(user, f"{note}: {value}", self.answer.format(k=key, v=value), recalled=True)

    def ask(self, rng: random.Random, entry: tuple[str, str]) -> Draft:
        """A question for the entry, and its answer."""
        are = entry[0].replace(" in ", " are in ", 1) if " in " in entry[0] else f"{entry[0]} are there"
        return self.draft(ask(rng, self.questions, k=entry[0], are=are), *entry)


CAPITALS = Table(
    (
        "What is the capital of {k}?",
        "Capital of {k}?",
        "Which city is the capital of {k}?",
        "Tell me the capital of {k}.",
        "Name the capital of {k}.",
        "What's the capital of {k}?",
    ),
    "The capital of {k} is {v}",
    words.CAPITALS,
)
COUNTRIES = Table(
    (
        "Which country has the capital {k}?",
        "{k} is the capital of which country?",
        "Of which country is {k} the capital?",
        "What country is {k} the capital of?",
    ),
    "{k} is the capital of {v}",
    tuple((capital, country) for country, capital in words.CAPITALS[: words.BEST_KNOWN]),
)
SYMBOLS = Table(
    (
        "What is the chemical symbol of {k}?",
        "What is the symbol for {k}?",
        "Symbol of {k}?",
        "Which symbol does {k} have?",
        "Chemical symbol of {k}?",
    ),
    "The symbol of {k} is {v}",
    (
        ("hydrogen", "H"),
        ("helium", "He"),
        ("carbon", "C"),
        ("nitrogen", "N"),
        ("oxygen", "O"),
        ("sodium", "Na"),
        ("iron", "Fe"),
        ("copper", "Cu"),
        ("silver", "Ag"),
        ("gold", "Au"),
        ("lead", "Pb"),
        ("zinc", "Zn"),
    ),
    "symbol of {k}",
)
LEGS = Table(
    (
        "How many legs does {k} have?",
        "Number of legs of {k}?",
        "How many legs has {k}?",
        "Legs of {k}?",
    ),
    "The number of legs of {k} is {v}",
    (("a spider", "8"), ("an insect", "6"), ("a dog", "4"), ("a bird", "2"), ("an ant", "6"), ("a horse", "4")),
    "legs of {k}",
)
SIDES = Table(
    ("How many sides does {k} have?", "Number of sides of {k}?", "How many sides has {k}?", "Sides of {k}?"),
    "The number of sides of {k} is {v}",
    (("a triangle", "3"), ("a square", "4"), ("a pentagon", "5"), ("a hexagon", "6"), ("an octagon", "8")),
    "sides of {k}",
)
PLANETS = Table(
    (
        "Which planet is {k} from the Sun?",
        "What is the {k} planet from the Sun?",
        "Name the {k} planet.",
        "Which is the {k} planet?",
    ),
    "The {k} planet from the Sun is {v}",
    (
        ("first", "Mercury"),
        ("second", "Venus"),
        ("third", "Earth"),
        ("fourth", "Mars"),
        ("fifth", "Jupiter"),
        ("sixth", "Saturn"),
        ("seventh", "Uranus"),
        ("eighth", "Neptune"),
    ),
    "{k} planet",
)
COLOURS = Table(
    (
        "What colour is {k}?",
        "Which colour is {k}?",
        "Colour of {k}?",
        "What is the colour of {k}?",
        "What color is {k}?",
    ),
    "The colour of {k} is {v}",
    (
        ("the sky", "blue"),
        ("grass", "green"),
        ("snow", "white"),
        ("blood", "red"),
        ("coal", "black"),
        ("a ripe lemon", "yellow"),
    ),
    "colour of {k}",
)
SINGLE = Table(
    ("What is the {k}?", "What's the {k}?", "Tell me the {k}.", "Name the {k}.", "The {k}?", "Do you know the {k}?"),
    "The {k} is {v}",
    (
        ("largest planet", "Jupiter"),
        ("smallest planet", "Mercury"),
        ("hottest planet", "Venus"),
        ("largest ocean", "the Pacific"),
        ("largest continent", "Asia"),
        ("smallest continent", "Australia"),
        ("highest mountain", "Mount Everest"),
        ("largest animal", "the blue whale"),
        ("tallest animal", "the giraffe"),
        ("fastest land animal", "the cheetah"),
        ("nearest star", "the Sun"),
        ("formula of water", "H2O"),
        ("boiling point of water", "100 degrees Celsius"),
        ("freezing point of water", "0 degrees Celsius"),
        ("first month", "January"),
        ("last month", "December"),
        ("shortest month", "February"),
        ("first letter of the alphabet", "a"),
        ("last letter of the alphabet", "z"),
        ("opposite of hot", "cold"),
        ("opposite of big", "small"),
        ("opposite of up", "down"),
        ("opposite of left", "right"),
        ("opposite of day", "night"),
    ),
)
AMOUNTS = Table(
    (
        "How many {are}?",
        "How many {are}?",
        "Number of {k}?",
        "What is the number of {k}?",
        "Tell me the number of {k}.",
    ),
    "The number of {k} is {v}",
    (
        ("planets", "8"),
        ("continents", "7"),
        ("oceans", "5"),
        ("days in a week", "7"),
        ("months in a year", "12"),
        ("hours in a day", "24"),
        ("minutes in an hour", "60"),
        ("seconds in a minute", "60"),
        ("weeks in a year", "52"),
        ("days in a year", "365, or 366 in a leap year"),
        ("letters in the alphabet", "26"),
        ("eggs in a dozen", "12"),
        ("years in a century", "100"),
    ),
)
_TABLES = (SYMBOLS, LEGS, SIDES, PLANETS, COLOURS, SINGLE, AMOUNTS)


def facts(rng: random.Random) -> Draft:
    """One question whose answer is in a table."""
    roll = rng.random()
    if roll < 0.5:
        return CAPITALS.ask(rng, rng.choice(CAPITALS.entries))
    if roll < 0.65:
        return COUNTRIES.ask(rng, rng.choice(COUNTRIES.entries))
    table = rng.choices(_TABLES, [len(table.entries) for table in _TABLES])[0]
    return table.ask(rng, rng.choice(table.entries))
