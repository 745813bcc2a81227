"""Writes the conversations that the built-in model learns: `sample` makes one, from a random source and nothing else.

Every word of it is ours. Training and evaluation never share a prompt: a prompt belongs to the split that a hash of its text
names. Knows nothing of tokens or models.
"""

from __future__ import annotations

import datetime
import functools
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gptoss_chat.builtin.recipe import words

Split = Literal["train", "eval"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, the reasoning, and the answer."""

    user: str
    analysis: str
    final: str
    skill: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation: its exchanges, the reasoning effort and the date (YYYY-MM-DD) of its system message."""

    exchanges: tuple[Exchange, ...]
    effort: str
    date: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One exchange before its skill is known, and the number it ends in, where a follow-up can go on from it."""

    user: str
    analysis: str
    final: str
    number: int | None = None


def _case(rng: random.Random, text: str) -> str:
    """The text as people type it: now and then without the capital or the final mark."""
    if rng.random() < 0.3:
        text = text[0].lower() + text[1:]
    if rng.random() < 0.2 and text[-1] in "?.":
        text = text[:-1]
    return text


# --- arithmetic -------------------------------------------------------------------------------------------------------


def add_working(a: int, b: int) -> str:
    """Column addition, ones first: `48+25: 8+5=13 4+2+1=7 =73`."""
    left, right = str(a)[::-1], str(b)[::-1]
    carry, steps = 0, []
    for column in range(max(len(left), len(right))):
        x = int(left[column]) if column < len(left) else 0
        y = int(right[column]) if column < len(right) else 0
        total = x + y + carry
        steps.append(f"{x}+{y}+{carry}={total}")
        carry = total // 10
    return f"{a}+{b}: {' '.join(steps)} ={a + b}"


def sub_working(a: int, b: int) -> str:
    """Column subtraction with borrows, a >= b: each column is top-bottom-borrow; `!` marks ten lent by the next."""
    left, right = str(a)[::-1], str(b)[::-1].ljust(len(str(a)), "0")
    borrow, steps = 0, []
    for x, y in zip(left, right, strict=True):
        value = int(x) - int(y) - borrow
        steps.append(f"{x}-{y}-{borrow}={value % 10}" + ("!" if value < 0 else ""))
        borrow = int(value < 0)
    return f"{a}-{b}: {' '.join(steps)} ={a - b}"


def mul_working(a: int, b: int) -> str:
    """Product of a by one digit, ones first, with the carry added: `48*7: 8*7=56 4*7=28+5=33 =336`; two digits take two of these."""
    if a < 10 and b < 10:
        return f"{a}*{b}={a * b}"
    if b >= 10 > a:
        return f"{a}*{b}={b}*{a} {mul_working(b, a)}"
    if b >= 10:
        tens, ones = b // 10, b % 10
        if ones == 0:
            return f"{a}*{b}: {mul_working(a, tens)} 0 ={a * b}"
        return f"{a}*{b}: {mul_working(a, ones)} {mul_working(a, tens)} 0 {add_working(a * tens * 10, a * ones)}"
    carry, steps = 0, []
    for digit in reversed(str(a)):
        total = int(digit) * b + carry
        steps.append(f"{digit}*{b}={int(digit) * b}+{carry}={total}")
        carry = total // 10
    return f"{a}*{b}: {' '.join(steps)} ={a * b}"


def div_working(a: int, b: int) -> str:
    """Long division by a number up to 12: `84/7: 8/7=1r1 14/7=2r0 =12`."""
    rest, steps = 0, []
    for digit in str(a):
        value = rest * 10 + int(digit)
        steps.append(f"{value}/{b}={value // b}r{value % b}")
        rest = value % b
    return f"{a}/{b}: {' '.join(steps)} ={a // b}" + (f" r{rest}" if rest else "")


def compute(a: int, sign: str, b: int) -> tuple[str, int]:
    """Working and result of a sum, difference, product or exact quotient."""
    match sign:
        case "+":
            return add_working(a, b), a + b
        case "-" if a < b:
            return f"{a}-{b}=-({b}-{a}) {sub_working(b, a)} so {a - b}", a - b
        case "-":
            return sub_working(a, b), a - b
        case "*":
            return mul_working(a, b), a * b
        case _:
            return div_working(a, b), a // b


def operands(rng: random.Random, sign: str) -> tuple[int, int]:
    """Numbers of 1 to 3 digits that suit the sign."""
    match sign:
        case "+" | "-":
            top = rng.choice((20, 100, 100, 1000))
            return rng.randrange(top), rng.randrange(top if rng.random() < 0.7 else 100)
        case "*":
            top, other = rng.choice(
                ((13, 10), (13, 10), (100, 10), (100, 10), (100, 10), (100, 10), (1000, 10), (100, 100))
            )
            return rng.randrange(2, top), rng.randrange(2, other)
        case _:
            b = rng.randrange(2, 11)
            return b * rng.randrange(2, rng.choice((13, 50, 100))), b


_SPOKEN = {
    "+": ("{a} + {b}", "{a}+{b}", "{a} plus {b}", "add {a} and {b}", "the sum of {a} and {b}"),
    "-": ("{a} - {b}", "{a}-{b}", "{a} minus {b}", "subtract {b} from {a}"),
    "*": ("{a} * {b}", "{a}*{b}", "{a} times {b}", "multiply {a} by {b}", "{a} x {b}"),
    "/": ("{a} / {b}", "{a}/{b}", "{a} divided by {b}", "divide {a} by {b}"),
}


def arithmetic(rng: random.Random) -> Draft:
    """Sums, differences, products and exact quotients."""
    sign = rng.choice("++--***//")
    a, b = operands(rng, sign)
    spoken = rng.choice(_SPOKEN[sign]).format(a=a, b=b)
    if spoken[0].isdigit():
        spoken = rng.choice(
            ("What is {}?", "{}", "{} = ?", "Calculate {}.", "How much is {}?", "Please work out {}.")
        ).format(spoken)
    elif spoken.startswith("the"):
        spoken = f"What is {spoken}?"
    else:
        spoken = spoken[0].upper() + spoken[1:] + "."
    working, result = compute(a, sign, b)
    return Draft(_case(rng, spoken), working, f"{a} {sign} {b} = {result}", result)


# --- conversions ------------------------------------------------------------------------------------------------------

_UNITS = (
    ("kilometres", "metres", 1000),
    ("metres", "centimetres", 100),
    ("centimetres", "millimetres", 10),
    ("kilograms", "grams", 1000),
    ("litres", "millilitres", 1000),
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60),
    ("days", "hours", 24),
    ("weeks", "days", 7),
    ("years", "months", 12),
    ("feet", "inches", 12),
    ("yards", "feet", 3),
    ("tonnes", "kilograms", 1000),
    ("dozens", "eggs", 12),
)
_ROMAN = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))


def conversion(rng: random.Random) -> Draft:
    """Units of length, weight, volume and time; binary and Roman numbers."""
    kind = rng.random()
    if kind < 0.15:
        return _roman(rng)
    if kind < 0.3:
        return _binary(rng)
    big, small, factor = rng.choice(_UNITS)
    count = rng.randrange(2, 13 if factor in (12, 24) else 100)
    down = rng.random() < 0.6
    source, target = (big, small) if down else (small, big)
    amount = count if down else count * factor
    result = count * factor if down else count
    if factor in (10, 100, 1000):
        zeros = str(factor)[1:]
        working = f"{factor} {small}. {count} {zeros}" if down else f"{factor} {small}. {count} {zeros}. {count}"
    elif factor in (12, 24):
        working = f"{factor} {small}. {count}*{factor}={count * factor}"
    elif factor == 60:
        working = (
            f"60 {small}. {mul_working(count, 6)} 0"
            if down
            else f"60 {small}. {count * 6} 0. {div_working(count * 6, 6)}"
        )
    else:
        working = f"{factor} {small}. {mul_working(amount, factor) if down else div_working(amount, factor)}"
    text = rng.choice(
        (
            f"Convert {amount} {source} to {target}.",
            f"How many {target} are in {amount} {source}?",
            f"{amount} {source} in {target}?",
            f"What is {amount} {source} in {target}?",
        )
    )
    return Draft(_case(rng, text), working, f"{amount} {source} = {result} {target}", result)


def roman_of(number: int) -> tuple[str, str]:
    """Roman numeral of 1 to 399, and the letters of each digit."""
    rest, parts, out = number, dict[int, str](), ""
    for value, letters in _ROMAN:
        while rest >= value:
            rest -= value
            out += letters
            place = 10 ** (len(str(value)) - 1)
            parts[place] = parts.get(place, "") + letters
    steps = [f"{number // place % 10 * place} {' '.join(letters)}" for place, letters in parts.items()]
    return out, " ".join(steps)


def _roman(rng: random.Random) -> Draft:
    number = rng.randrange(1, 101)
    numeral, steps = roman_of(number)
    text = rng.choice(
        (f"Write {number} in Roman numerals.", f"What is {number} as a Roman numeral?", f"{number} in Roman numerals?")
    )
    return Draft(_case(rng, text), f"{number}: {steps}", f"{number} in Roman numerals is {numeral}")


def _binary(rng: random.Random) -> Draft:
    number = rng.randrange(2, 64)
    if rng.random() < 0.5:
        rest, steps = number, []
        while rest:
            steps.append(f"{rest}/2={rest // 2}r{rest % 2}")
            rest //= 2
        text = rng.choice(
            (f"Convert {number} to binary.", f"What is {number} in binary?", f"Write {number} in binary.")
        )
        return Draft(_case(rng, text), " ".join(steps), f"{number} in binary is {number:b}")
    total, steps = 0, []
    for bit in f"{number:b}":
        steps.append(f"{total}*2+{bit}={total * 2 + int(bit)}")
        total = total * 2 + int(bit)
    text = rng.choice((f"Convert binary {number:b} to decimal.", f"What is binary {number:b} in decimal?"))
    return Draft(_case(rng, text), " ".join(steps), f"Binary {number:b} is {number} in decimal", number)


# --- letters and words ------------------------------------------------------------------------------------------------


def any_word(rng: random.Random) -> str:
    """A word of the list, or one in four times an invented one, so that the letters of any word are learnt."""
    if rng.random() < 0.75:
        return rng.choice(words.WORDS)
    syllables = (
        "".join((rng.choice("bcdfghjklmnpqrstvwxyz"), rng.choice("aeiou"), rng.choice(("", "", *"nrstlm"))))
        for _ in range(3)
    )
    return "".join(list(syllables)[: rng.randrange(2, 4)])


def letters(rng: random.Random) -> Draft:
    """Counts, reverses and spells words, and finds first and last letters."""
    word = any_word(rng)
    spelled = " ".join(word)
    quoted = rng.choice((f'"{word}"', word, f"'{word}'", word))
    match rng.randrange(5):
        case 0:
            letter = rng.choice(word) if rng.random() < 0.8 else rng.choice("abcdefghijklmnopqrstuvwxyz")
            count, steps = 0, []
            for c in word:
                count += c == letter
                steps.append(f"{c} {count}")
            text = rng.choice(
                (
                    f"How many times is the letter {letter} in {quoted}?",
                    f"Count the letter {letter} in {quoted}.",
                    f"How many {letter} are in {quoted}?",
                )
            )
            times = "1 time" if count == 1 else f"{count} times"
            return Draft(
                _case(rng, text),
                f"letters: {' '.join(steps)}. {count}",
                f'The letter {letter} is in "{word}" {times}',
                count,
            )
        case 1:
            back = " ".join(reversed(word))
            text = rng.choice(
                (
                    f"Reverse {quoted}.",
                    f"Spell {quoted} backwards.",
                    f"What is {quoted} backwards?",
                    f"Reverse the word {quoted}.",
                )
            )
            return Draft(_case(rng, text), f"letters: {spelled}. backwards: {back}", f"{back.replace(' ', '-')}")
        case 2:
            text = rng.choice((f"Spell {quoted}.", f"How do you spell {quoted}?", f"Spell the word {quoted}."))
            return Draft(_case(rng, text), f"letters: {spelled}", "-".join(word))
        case 3:
            steps = [f"{c} {i}" for i, c in enumerate(word, start=1)]
            text = rng.choice(
                (
                    f"How many letters are in {quoted}?",
                    f"Count the letters in {quoted}.",
                    f"How long is the word {quoted}?",
                )
            )
            return Draft(
                _case(rng, text),
                f"letters: {' '.join(steps)}. {len(word)}",
                f'"{word}" has {len(word)} letters',
                len(word),
            )
        case _:
            which = rng.choice(("first", "last"))
            text = rng.choice((f"What is the {which} letter of {quoted}?", f"Which letter is {which} in {quoted}?"))
            letter = word[0] if which == "first" else word[-1]
            return Draft(
                _case(rng, text),
                f"letters: {spelled}. {which}: {letter}",
                f'The {which} letter of "{word}" is {letter}',
            )


def sorting(rng: random.Random) -> Draft:
    """Sorts words by the alphabet or numbers by size, and counts words."""
    count = rng.randrange(3, 6)
    if rng.random() < 0.4:
        numbers = rng.sample(range(100), count)
        listed, ordered = ", ".join(map(str, numbers)), sorted(numbers)
        largest = rng.random() < 0.3
        text = rng.choice((f"Sort {listed}.", f"Sort the numbers {listed}.", f"Put {listed} in order."))
        if largest:
            text = rng.choice((f"What is the largest of {listed}?", f"Which number is the largest: {listed}?"))
        done = ", ".join(map(str, ordered))
        return Draft(_case(rng, text), f"{listed}: {done}", f"The largest is {ordered[-1]}" if largest else done)
    first = rng.sample("abcdefghijklmnoprstuvw", count)
    chosen = [rng.choice([w for w in words.WORDS if w[0] == letter] or ["x"]) for letter in first]
    listed, ordered_words = ", ".join(chosen), sorted(chosen)
    text = rng.choice((f"Sort {listed}.", f"Put {listed} in alphabetical order.", f"Sort these words: {listed}."))
    keys = " ".join(w[0] for w in chosen)
    return Draft(_case(rng, text), f"{keys}: {' '.join(sorted(first))}", ", ".join(ordered_words))


# --- dates ------------------------------------------------------------------------------------------------------------

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def dates(rng: random.Random, today: datetime.date) -> Draft:
    """Today, days ahead, months' lengths, the order of days and months."""
    match rng.randrange(5):
        case 0:
            text = rng.choice(
                ("What is today's date?", "What day is it today?", "Which date is today?", "What is the date?")
            )
            return Draft(
                _case(rng, text),
                f"Current date: {today}",
                f"Today is {today.day} {_MONTHS[today.month - 1]} {today.year}",
            )
        case 1:
            month = rng.randrange(12)
            days = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month]
            final = f"{_MONTHS[month]} has {days} days" + (" (29 in a leap year)" if month == 1 else "")
            text = rng.choice(
                (
                    f"How many days are in {_MONTHS[month]}?",
                    f"How long is {_MONTHS[month]}?",
                    f"How many days does {_MONTHS[month]} have?",
                )
            )
            return Draft(_case(rng, text), f"{_MONTHS[month]}: {days}", final, days)
        case 2:
            day, ahead = rng.randrange(7), rng.randrange(1, 8)
            text = rng.choice(
                (
                    f"What day is {ahead} days after {_DAYS[day]}?",
                    f"If today is {_DAYS[day]}, what day is it in {ahead} days?",
                )
            )
            rest = ahead % 7
            steps = " ".join(_DAYS[(day + i) % 7] for i in range(rest + 1))
            return Draft(
                _case(rng, text),
                f"{ahead}/7={ahead // 7}r{rest}. {rest} on: {steps}",
                f"It is {_DAYS[(day + ahead) % 7]}",
            )
        case 3:
            year = rng.randrange(1900, 2101)
            leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
            why = (
                f"{year % 100}/4={year % 100 // 4}r{year % 4}"
                if year % 100
                else f"{year // 100}/4={year // 400}r{year // 100 % 4}"
            )
            text = rng.choice(
                (f"Is {year} a leap year?", f"Was {year} a leap year?", f"Is the year {year} a leap year?")
            )
            return Draft(
                _case(rng, text), why, f"Yes, {year} is a leap year" if leap else f"No, {year} is not a leap year"
            )
        case _:
            month, after = rng.randrange(12), rng.random() < 0.5
            other = _MONTHS[(month + (1 if after else -1)) % 12]
            word = "after" if after else "before"
            text = rng.choice(
                (f"Which month comes {word} {_MONTHS[month]}?", f"What month is {word} {_MONTHS[month]}?")
            )
            return Draft(
                _case(rng, text), f"{word} {_MONTHS[month]}: {other}", f"{other} comes {word} {_MONTHS[month]}"
            )


# --- tables of text ---------------------------------------------------------------------------------------------------


def facts(rng: random.Random) -> Draft:
    """Capitals and a few other facts."""
    if rng.random() < 0.7:
        country, capital = rng.choice(words.CAPITALS)
        if rng.random() < 0.75:
            text = rng.choice(
                (
                    "What is the capital of {}?",
                    "Capital of {}?",
                    "Which city is the capital of {}?",
                    "Tell me the capital of {}.",
                    "Name the capital of {}.",
                )
            )
            return Draft(
                _case(rng, text.format(country)), f"{country}: {capital}", f"The capital of {country} is {capital}"
            )
        text = rng.choice(
            (
                "Which country has the capital {}?",
                "{} is the capital of which country?",
                "Of which country is {} the capital?",
            )
        )
        return Draft(
            _case(rng, text.format(capital)), f"{capital}: {country}", f"{capital} is the capital of {country}"
        )
    questions, note, final = rng.choice(words.FACTS)
    return Draft(_case(rng, rng.choice(questions)), note, final)


def _table(table: tuple[tuple[tuple[str, ...], str, str], ...]) -> Callable[[random.Random], Draft]:
    def draw(rng: random.Random) -> Draft:
        questions, note, final = rng.choice(table)
        text = rng.choice(words.OPENERS) + rng.choice(questions)
        return Draft(_case(rng, text), note, final)

    return draw


@functools.cache
def _of_split(options: tuple[str, ...], split: Split) -> tuple[str, ...]:
    """The sixth of the options that is held out for evaluation, or the rest."""
    return tuple(option for option in options if (zlib.crc32(option.encode()) % 6 == 0) == (split == "eval"))


def decline(rng: random.Random, split: Split) -> Draft:
    """Everything that the small model can't do, answered honestly. Each split has its own fillers, and its own templates but for
    those on countries, whose point is that only the country is unknown."""

    def pick(options: tuple[str, ...]) -> str:
        return rng.choice(_of_split(options, split))

    on_countries = tuple(template for template in words.OUTSIDE if "{country}" in template)
    template = rng.choice(on_countries) if rng.random() < 0.2 else pick(words.OUTSIDE)
    text = template.format(
        topic=pick(words.TOPICS),
        thing=pick(words.THINGS),
        person=pick(words.PEOPLE),
        word=pick(words.WORDS),
        language=pick(words.LANGUAGES),
        country=pick(words.UNKNOWN_COUNTRIES),
    )
    return Draft(_case(rng, rng.choice(words.OPENERS) + text), "outside what I can do", words.HONEST)


# --- follow-ups -------------------------------------------------------------------------------------------------------


def _number_follow_up(rng: random.Random, number: int) -> Draft:
    sign = rng.choice("+-*") if number > 1 else "+"
    other = rng.randrange(2, 10 if sign == "*" else 100)
    if sign == "-" and number < other:
        sign = "+"
    if sign == "*" and number > 999:
        sign = "+"
    word = {"+": "plus", "-": "minus", "*": "times"}[sign]
    text = rng.choice((f"And {word} {other}?", f"Now {word} {other}.", f"And that {word} {other}?", f"{word} {other}?"))
    if sign == "*" and other == 2:
        text = rng.choice(("Double that.", "Now double it.", "And double that?"))
    working, result = compute(number, sign, other)
    return Draft(_case(rng, text), working, f"{number} {sign} {other} = {result}", result)


def _follow_up(rng: random.Random) -> tuple[Draft, ...]:
    """A first exchange and one that needs it; of sums, sometimes a third that needs the second."""
    kind = rng.random()
    if kind < 0.6:
        first = arithmetic(rng)
        while first.number is None or first.number < 0:
            first = arithmetic(rng)
        second = _number_follow_up(rng, first.number)
        if second.number is not None and second.number < 1000 and rng.random() < 0.25:
            return first, second, _number_follow_up(rng, second.number)
        return first, second
    if kind < 0.8:
        country, capital = rng.choice(words.CAPITALS)
        other, other_capital = rng.choice(words.CAPITALS)
        first = Draft(
            f"What is the capital of {country}?", f"{country}: {capital}", f"The capital of {country} is {capital}"
        )
        text = rng.choice((f"And of {other}?", f"And {other}?", f"What about {other}?"))
        return first, Draft(text, f"{other}: {other_capital}", f"The capital of {other} is {other_capital}")
    word = any_word(rng)
    spelled, back = " ".join(word), " ".join(reversed(word))
    first = Draft(f"Spell {word}.", f"letters: {spelled}", "-".join(word))
    text = rng.choice(("And backwards?", "Now backwards.", "And in reverse?"))
    return first, Draft(text, f"letters: {spelled}. backwards: {back}", "-".join(reversed(word)))


SKILLS = ("arithmetic", "conversion", "letters", "sorting", "dates", "facts", "smalltalk", "app", "decline", "followup")
_WEIGHTS = (26, 18, 13, 8, 8, 10, 5, 5, 8, 14)


def _split_of(text: str) -> Split:
    return "eval" if zlib.crc32(text.encode()) % 10 == 0 else "train"


def _draw(rng: random.Random, skill: str, today: datetime.date, split: Split) -> tuple[Draft, ...]:
    match skill:
        case "arithmetic":
            return (arithmetic(rng),)
        case "conversion":
            return (conversion(rng),)
        case "letters":
            return (letters(rng),)
        case "sorting":
            return (sorting(rng),)
        case "dates":
            return (dates(rng, today),)
        case "facts":
            return (facts(rng),)
        case "smalltalk":
            return (_table(words.SMALLTALK)(rng),)
        case "app":
            return (_table(words.APP)(rng),)
        case "decline":
            return (decline(rng, split),)
        case "followup":
            return _follow_up(rng)
    raise ValueError(f"no skill named {skill}")


def sample(rng: random.Random, split: Split, skill: str | None = None) -> Sample:
    """A conversation of the split, of the skill or of one drawn by weight; its last prompts never occur in the other split."""
    name = skill or rng.choices(SKILLS, _WEIGHTS)[0]
    while True:
        today = datetime.date(2025, 1, 1) + datetime.timedelta(days=rng.randrange(1500))
        drafts = _draw(rng, name, today, split)
        key = " / ".join(draft.user.lower().rstrip("?.") for draft in drafts)
        dated = any(draft.analysis.startswith("Current date") for draft in drafts)
        if name == "decline" or _split_of(f"{key} {today}" if dated else key) == split:
            break
    effort = rng.choices(("low", "medium", "high"), (1, 4, 1))[0]
    exchanges = tuple(
        Exchange(
            d.user, d.analysis if effort != "low" or name not in ("facts", "smalltalk", "app") else "", d.final, name
        )
        for d in drafts
    )
    return Sample(exchanges, effort, today.isoformat())
