"""Questions that need the answer before them: numbers worked on, and the same question for something else.

Knows nothing of splits. The working names first what it takes from the earlier turn.
"""

from __future__ import annotations

import datetime
import random

from gptoss_chat.builtin.recipe.skills import conversion, dates, facts, letters
from gptoss_chat.builtin.recipe.skills.arithmetic import arithmetic, solved
from gptoss_chat.builtin.recipe.skills.common import Draft, any_word, ask

_NUMBER = {
    "+": ("And plus {b}?", "Now plus {b}.", "And that plus {b}?", "Plus {b}?", "Add {b} to that.", "Now add {b}."),
    "-": (
        "And minus {b}?",
        "Now minus {b}.",
        "And that minus {b}?",
        "Minus {b}?",
        "Subtract {b} from that.",
        "Now subtract {b}.",
    ),
    "*": (
        "And times {b}?",
        "Now times {b}.",
        "And that times {b}?",
        "Times {b}?",
        "Multiply that by {b}.",
        "Now multiply it by {b}.",
    ),
}
_DOUBLE = ("Double that.", "Now double it.", "And double that?", "And doubled?")
_HALVE = ("Halve that.", "Now halve it.", "And half of that?", "And halved?")
_SAME = ("And of {k}?", "And {k}?", "What about {k}?", "And for {k}?")
_COUNT = ("And {n}?", "And {n} {u}?", "What about {n}?", "And in {n} {u}?", "And {n} of them?")
_BACKWARDS = ("And backwards?", "Now backwards.", "And in reverse?", "Now reverse it.")
_LETTER = ("And the letter {c}?", "And {c}?", "What about the letter {c}?", "And how many {c}?")
_DAY = {
    "after": ("And the {t} after?", "And the {t} after that?", "And the next {t}?"),
    "before": ("And the {t} before?", "And the {t} before that?", "And the previous {t}?"),
}


def _next_number(rng: random.Random, number: int) -> Draft:
    kind = rng.choices(("+", "-", "*", "double", "halve"), (30, 25, 25, 10, 10))[0]
    if number > 999 and kind not in "+-":
        kind = "-"
    if kind == "halve" and number % 2:
        kind = "double"
    if kind == "double":
        return solved(ask(rng, _DOUBLE), number, "*", 2)
    if kind == "halve":
        return solved(ask(rng, _HALVE), number, "/", 2)
    other = rng.randrange(2, 10 if kind == "*" else rng.choice((10, 100, 100)))
    if kind == "-" and number < other and rng.random() < 0.8:
        kind = "+"
    return solved(ask(rng, _NUMBER[kind], b=other), number, kind, other)


def _numbers(rng: random.Random) -> tuple[Draft, ...]:
    chain = [arithmetic(rng)]
    while chain[0].number is None or not 0 <= chain[0].number < 9000:
        chain = [arithmetic(rng)]
    chain.append(_next_number(rng, chain[0].number))
    last = chain[1].number
    if last is not None and 0 <= last < 9000 and rng.random() < 0.25:
        chain.append(_next_number(rng, last))
    return tuple(chain)


def _units(rng: random.Random) -> tuple[Draft, ...]:
    units = rng.choice(conversion.UNITS)
    first, second = conversion.count_of(rng, units), conversion.count_of(rng, units)
    down = rng.random() < 0.7
    source, target, scale = (units.big, units.small, 1) if down else (units.small, units.big, units.factor)
    user = ask(rng, conversion.ASK_UNITS, amount=first * scale, source=source, target=target)
    later = ask(rng, _COUNT, n=second * scale, u=source)
    return conversion.converted(user, first, units, down=down), conversion.converted(later, second, units, down=down)


def _letters(rng: random.Random) -> tuple[Draft, ...]:
    word, other = any_word(rng), any_word(rng)
    match rng.randrange(4):
        case 0:
            return letters.ask_spell(rng, word), letters.reverse(ask(rng, _BACKWARDS), word)
        case 1:
            return letters.ask_spell(rng, word), letters.spell(ask(rng, _SAME[1:3], k=other), other)
        case 2:
            return letters.ask_length(rng, word), letters.length(ask(rng, _SAME[1:3], k=other), other)
        case _:
            first = letters.ask_count_one(rng, word, letters.some_letter(rng, word))
            letter = letters.some_letter(rng, word)
            return first, letters.count_one(ask(rng, _LETTER, c=letter), word, letter)


def _dates(rng: random.Random, date: datetime.date) -> tuple[Draft, ...]:
    roll = rng.random()
    if roll < 0.3:
        name = rng.choice(("Tomorrow", "Yesterday"))
        user = ask(rng, ("And {k}?", "What about {k}?", "And {k}'s date?"), k=name.lower())
        return dates.ask_today(rng, date), dates.neighbour_date(user, date, name)
    if roll < 0.5:
        first, second = rng.choice(dates.MONTHS), rng.choice(dates.MONTHS)
        return dates.ask_month_length(rng, first), dates.month_length(ask(rng, _SAME[1:3], k=second), second)
    cycle, thing = rng.choice(((dates.WEEKDAYS, "day"), (dates.MONTHS, "month")))
    name, side = rng.choice(cycle), rng.choice(("after", "before"))
    chain = [dates.ask_neighbour(rng, name, side)]
    then = side if rng.random() < 0.7 else ("before" if side == "after" else "after")
    found = chain[0].final.rsplit(" ", 1)[1]
    return (*chain, dates.neighbour(ask(rng, _DAY[then], t=thing), found, then))


def _facts(rng: random.Random) -> tuple[Draft, ...]:
    table = rng.choices((facts.CAPITALS, facts.SYMBOLS, facts.LEGS, facts.SIDES), (70, 14, 8, 8))[0]
    first, second = rng.sample(table.entries, 2)
    return table.ask(rng, first), table.draft(ask(rng, _SAME, k=second[0]), *second)


def follow_up(rng: random.Random, date: datetime.date) -> tuple[Draft, ...]:
    """A first exchange and one that needs it; of numbers, sometimes a third that needs the second."""
    match rng.choices(("numbers", "units", "letters", "dates", "facts"), (46, 16, 13, 11, 14))[0]:
        case "numbers":
            return _numbers(rng)
        case "units":
            return _units(rng)
        case "letters":
            return _letters(rng)
        case "dates":
            return _dates(rng, date)
        case _:
            return _facts(rng)
