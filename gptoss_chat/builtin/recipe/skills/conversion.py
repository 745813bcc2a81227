"""Units, temperatures, Roman and binary numbers, and numbers in words.

Knows nothing of splits; sums, products and quotients are worked as in arithmetic.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.skills.common import Draft, ask
from gptoss_chat.builtin.recipe.skills.working import add_working, div_working, mul_working, sub_working


@dataclass(frozen=True, slots=True)
class Units:
    """A unit, a smaller one, and how many of these it is."""

    big: str
    small: str
    factor: int


UNITS = (
    Units("kilometres", "metres", 1000),
    Units("metres", "centimetres", 100),
    Units("centimetres", "millimetres", 10),
    Units("kilograms", "grams", 1000),
    Units("litres", "millilitres", 1000),
    Units("tonnes", "kilograms", 1000),
    Units("hours", "minutes", 60),
    Units("hours", "minutes", 60),
    Units("minutes", "seconds", 60),
    Units("minutes", "seconds", 60),
    Units("days", "hours", 24),
    Units("weeks", "days", 7),
    Units("years", "months", 12),
    Units("feet", "inches", 12),
    Units("yards", "feet", 3),
    Units("dozens", "eggs", 12),
)
ASK_UNITS = (
    "Convert {amount} {source} to {target}.",
    "How many {target} are in {amount} {source}?",
    "How many {target} is {amount} {source}?",
    "{amount} {source} in {target}?",
    "{amount} {source} to {target}",
    "What is {amount} {source} in {target}?",
    "How many {target} are {amount} {source}?",
)
_DEGREES = (
    "Convert {a} degrees {s} to {t}.",
    "What is {a} degrees {s} in {t}?",
    "{a} {s} in {t}?",
    "Convert {a} {s} to {t}.",
    "How much is {a} degrees {s} in {t}?",
)
_TO_ROMAN = (
    "Write {n} in Roman numerals.",
    "What is {n} in Roman numerals?",
    "{n} in Roman numerals?",
    "What is {n} as a Roman numeral?",
    "Convert {n} to Roman numerals.",
)
_FROM_ROMAN = (
    "What number is the Roman numeral {n}?",
    "Which number is {n}?",
    "Convert the Roman numeral {n} to a number.",
    "What is the value of {n}?",
    "Roman numeral {n} as a number?",
)
_TO_BINARY = (
    "Convert {n} to binary.",
    "What is {n} in binary?",
    "Write {n} in binary.",
    "{n} in binary?",
    "{n} as a binary number?",
)
_FROM_BINARY = (
    "Convert binary {n} to decimal.",
    "What is binary {n} in decimal?",
    "Binary {n} in decimal?",
    "What number is binary {n}?",
    "Write binary {n} in decimal.",
)
_TO_WORDS = (
    "Write {n} in words.",
    "What is {n} in words?",
    "{n} in words?",
    "How do you write {n} in words?",
    "Write the number {n} in words.",
)
_FROM_WORDS = (
    "Write {n} in digits.",
    "What is {n} in digits?",
    "Write {n} as a number.",
    "How do you write {n} in digits?",
    "Which number is {n}?",
)
_ROMAN_ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_ROMAN_TENS = ("", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC", "C")
_SMALL = words.listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = words.listed("zero ten twenty thirty forty fifty sixty seventy eighty ninety")


def conversion(rng: random.Random) -> Draft:
    """One conversion of any kind."""
    roll = rng.random()
    if roll < 0.08:
        return _temperature(rng)
    for limit, kind in ((0.21, _roman), (0.34, _binary), (0.46, _number_words)):
        if roll < limit:
            return kind(rng)
    units = rng.choice(UNITS)
    down = rng.random() < 0.6
    count = count_of(rng, units)
    amount, source, target = (count, units.big, units.small) if down else (count * units.factor, units.small, units.big)
    return converted(ask(rng, ASK_UNITS, amount=amount, source=source, target=target), count, units, down=down)


def count_of(rng: random.Random, units: Units) -> int:
    """A number of the big unit; those of a table of multiples go to 12."""
    return rng.randrange(2, 13 if units.factor in (12, 24) or rng.random() < 0.4 else 100)


def converted(user: str, count: int, units: Units, *, down: bool) -> Draft:
    """The answer to a question for `count` of the big unit in the small one, or for what makes so many of them."""
    total = count * units.factor
    lead = f"{units.factor} {units.small}: "
    if units.factor in (10, 100, 1000):
        zeros = str(units.factor)[1:]
        working = f"{count} {zeros} ={total if down else count}"
    elif units.factor == 60:
        working = f"{mul_working(count, 6)}; 0 ={total}" if down else f"{count * 6} 0; {div_working(count * 6, 6)}"
    elif units.factor in (12, 24):
        working = mul_working(units.factor, count) if down else f"{total}={count}*{units.factor}"
    else:
        working = mul_working(count, units.factor) if down else div_working(total, units.factor)
    if down:
        return Draft(user, lead + working, f"{count} {units.big} = {total} {units.small}", total)
    return Draft(user, lead + working, f"{total} {units.small} = {count} {units.big}", count)


def _temperature(rng: random.Random) -> Draft:
    celsius = 5 * rng.randrange(21)
    ninth, fahrenheit = celsius * 9 // 5, celsius * 9 // 5 + 32
    if rng.random() < 0.5:
        user = ask(rng, _DEGREES, a=celsius, s="Celsius", t="Fahrenheit")
        steps = (mul_working(celsius, 9), div_working(celsius * 9, 5), add_working(ninth, 32))
        return Draft(user, "; ".join(steps), f"{celsius} C = {fahrenheit} F", fahrenheit)
    user = ask(rng, _DEGREES, a=fahrenheit, s="Fahrenheit", t="Celsius")
    steps = (sub_working(fahrenheit, 32), div_working(ninth, 9), mul_working(ninth // 9, 5))
    return Draft(user, "; ".join(steps), f"{fahrenheit} F = {celsius} C", celsius)


def _roman(rng: random.Random) -> Draft:
    number = rng.randrange(1, 101)
    parts = [(number // 10 * 10, _ROMAN_TENS[number // 10]), (number % 10, _ROMAN_ONES[number % 10])]
    parts = [part for part in parts if part[0]]
    numeral = "".join(letters for _, letters in parts)
    if rng.random() < 0.5:
        steps = " ".join(f"{value} {' '.join(letters)}" for value, letters in parts)
        return Draft(ask(rng, _TO_ROMAN, n=number), f"{number}: {steps}", f"{number} in Roman numerals is {numeral}")
    steps = " ".join(f"{' '.join(letters)} {value}" for value, letters in parts)
    return Draft(ask(rng, _FROM_ROMAN, n=numeral), f"{numeral}: {steps} ={number}", f"{numeral} is {number}", number)


def _binary(rng: random.Random) -> Draft:
    number = rng.randrange(2, 64)
    bits = f"{number:b}"
    value, steps = 0, list[str]()
    if rng.random() < 0.5:
        rest = number
        for power in reversed(range(len(bits))):
            bit = rest >> power
            rest -= bit << power
            steps.append(f"{1 << power} {bit} {rest}")
        return Draft(
            ask(rng, _TO_BINARY, n=number), f"{number}: {', '.join(steps)} ={bits}", f"{number} in binary is {bits}"
        )
    for each in bits:
        value = value * 2 + int(each)
        steps.append(f"{each} {value}")
    final = f"Binary {bits} is {number} in decimal"
    return Draft(ask(rng, _FROM_BINARY, n=bits), f"{bits}: {', '.join(steps)} ={number}", final, number)


def word_parts(number: int) -> list[tuple[int, str]]:
    """Value and word of the parts that a number of 0 to 100 is spoken in."""
    if number == 100:
        return [(100, "one hundred")]
    if number < 20:
        return [(number, _SMALL[number])]
    parts = [(number // 10 * 10, _TENS[number // 10])]
    return [*parts, (number % 10, _SMALL[number % 10])] if number % 10 else parts


def _number_words(rng: random.Random) -> Draft:
    number = rng.randrange(101)
    parts = word_parts(number)
    spoken = "-".join(word for _, word in parts)
    if rng.random() < 0.5:
        steps = " ".join(f"{value} {word}" for value, word in parts)
        return Draft(ask(rng, _TO_WORDS, n=number), f"{number}: {steps}", f"{number} in words is {spoken}")
    steps = " ".join(f"{word} {value}" for value, word in parts)
    return Draft(ask(rng, _FROM_WORDS, n=spoken), f"{spoken}: {steps} ={number}", f"{spoken} is {number}", number)
