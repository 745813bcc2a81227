"""The corpus of the built-in model: right answers, repeatable draws, splits that share nothing.

Answers are computed again here from the prompt's text, by other means than the corpus uses.
"""

from __future__ import annotations

import calendar
import datetime
import json
import math
import random
import re
from collections import Counter

import pytest

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.corpus import SKILLS, Exchange, Sample, Split, key_of, sample
from gptoss_chat.builtin.recipe.skills import fillers, tools

FACTORS = {
    ("kilometres", "metres"): 1000, ("metres", "centimetres"): 100, ("centimetres", "millimetres"): 10, ("kilograms", "grams"): 1000,
    ("litres", "millilitres"): 1000, ("tonnes", "kilograms"): 1000, ("hours", "minutes"): 60, ("minutes", "seconds"): 60,
    ("days", "hours"): 24, ("weeks", "days"): 7, ("years", "months"): 12, ("feet", "inches"): 12, ("yards", "feet"): 3,
    ("dozens", "eggs"): 12,
}  # fmt: skip
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_SMALL = words.listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words.listed("twenty thirty forty fifty sixty seventy eighty ninety")
SPOKEN = {word: value for value, word in enumerate(_SMALL)} | {word: 10 * tens for tens, word in enumerate(_TENS, 2)}
MONTHS, WEEKDAYS = list(calendar.month_name)[1:], list(calendar.day_name)


def draws(skill: str | None, count: int, split: Split = "train", seed: int = 7) -> list[Sample]:
    """Samples of a fixed seed."""
    rng = random.Random(seed)
    return [sample(rng, split, skill) for _ in range(count)]


def single(skill: str, count: int) -> list[Exchange]:
    """The only exchanges of samples."""
    return [each.exchanges[0] for each in draws(skill, count)]


def is_dated(each: Sample) -> bool:
    """Whether the answer depends on the system's date."""
    return any(exchange.analysis.startswith("Current date") for exchange in each.exchanges)


def asked(each: Sample) -> tuple[str, ...]:
    """What an answer depends on."""
    return (key_of(*(exchange.user for exchange in each.exchanges)), each.date if is_dated(each) else "")


def computed(text: str) -> str:
    """The answer to the one sum, difference, product, quotient or percentage that a prompt asks for."""
    a, b = (int(number) for number in re.findall(r"\d+", text))
    low = text.lower()
    if re.search("%|percent", low):
        assert a * b % 100 == 0
        return f"{a}% of {b} = {a * b // 100}"
    if re.search("remain", low):
        return f"{a} / {b} = {a // b} remainder {a % b}"
    if re.search(r"\+|plus|add|sum", low):
        return f"{a} + {b} = {a + b}"
    if "subtract" in low:
        return f"{b} - {a} = {b - a}"
    if re.search(r"-|minus", low):
        return f"{a} - {b} = {a - b}"
    if re.search(r"\*|times|multipl|product|\d x \d", low):
        return f"{a} * {b} = {a * b}"
    assert re.search("/|divide", low)
    return f"{a} / {b} = {a // b}" + (f" remainder {a % b}" if a % b else "")


def value_of_roman(numeral: str) -> int:
    """A Roman numeral's value: a smaller letter before a larger one counts against."""
    values = [ROMAN[letter] for letter in numeral]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def value_of_words(spoken: str) -> int:
    """The number that words say."""
    return 100 if spoken == "one hundred" else sum(SPOKEN[word] for word in spoken.split("-"))


def test_sample_repeats_with_a_seed() -> None:
    """The same seed gives the same conversations."""
    assert draws(None, 200) == draws(None, 200)
    assert draws(None, 200) != draws(None, 200, seed=8)


@pytest.mark.parametrize("skill", SKILLS)
def test_splits_share_no_conversation(skill: str) -> None:
    """What evaluation asks, on its date where the date matters, training never asked."""
    train, held = ({asked(each) for each in draws(skill, 600, split)} for split in ("train", "eval"))
    assert held
    assert not train & held


def test_out_of_domain_templates_and_fillers_of_the_splits_differ() -> None:
    """No topic that evaluation declines was declined in training, nor one asked in the same words."""
    train, held = (
        " / ".join(e.exchanges[0].user for e in draws("decline", 2500, split)) for split in ("train", "eval")
    )
    for options in (fillers.TOPICS, fillers.PEOPLE, fillers.PLACES, fillers.UNKNOWN_COUNTRIES):
        patterns = {option: re.compile(rf"\b{re.escape(option)}\b", re.IGNORECASE) for option in options}
        # One filler may be a part of another ("the weather", "Bach"): those are not told apart here.
        whole = [o for o in options if sum(o.lower() in other.lower() for other in options) == 1]
        in_train, in_held = ({o for o in whole if patterns[o].search(text)} for text in (train, held))
        assert in_held
        assert in_train
        fixed = " / ".join(fillers.TEMPLATES)
        assert not {o for o in in_train & in_held if not patterns[o].search(fixed)}


def test_fillers_are_many_and_none_is_known() -> None:
    """Variety is what the honest answer is learnt from."""
    assert len(set(fillers.TEMPLATES)) == len(fillers.TEMPLATES) >= 150
    for options, least in ((fillers.TOPICS, 80), (fillers.THINGS, 80), (fillers.PEOPLE, 60), (fillers.PLACES, 60)):
        assert len(set(options)) == len(options) >= least
    assert not set(fillers.UNKNOWN_COUNTRIES) & {country for country, _ in words.CAPITALS}
    assert len(words.HONEST.split()) < 45


def test_one_conversation_has_one_answer() -> None:
    """A prompt, with what came before it and the date, never has two right answers, nor two ways to work it out."""
    answers: dict[tuple[str, ...], set[tuple[str, str]]] = {}
    for each in draws(None, 12_000):
        for count, exchange in enumerate(each.exchanges, start=1):
            said = [f"{e.call.result} {e.user}" if e.call else e.user for e in each.exchanges[:count]]
            key = (f"{each.effort} {each.tools}", each.date, key_of(*said))
            answers.setdefault(key, set()).add((exchange.analysis, exchange.final))
            answers.setdefault((key[0], key[2]), set())
            if not is_dated(each):
                answers[key[0], key[2]].add((exchange.analysis, exchange.final))
    assert not {key: found for key, found in answers.items() if len(found) > 1}


def test_text_is_short_and_ascii() -> None:
    """Tokens are what training costs."""
    for each in draws(None, 5000):
        for exchange in each.exchanges:
            assert (exchange.user + exchange.analysis + exchange.final).isascii()
            assert len(exchange.analysis + exchange.final) < 330
            assert len(exchange.user) < 160
            assert exchange.user.strip()
            assert exchange.final.strip()
            assert "{" not in exchange.user + exchange.final


def test_effort_decides_the_length_of_the_analysis() -> None:
    """Nothing where nothing is worked out at low effort; a check at high effort."""
    checks = Counter[bool]()
    for each in draws(None, 4000):
        exchange = each.exchanges[0]
        if exchange.skill in ("facts", "smalltalk", "app", "decline"):
            assert (exchange.analysis == "") == (each.effort == "low")
        if exchange.skill in ("arithmetic", "conversion", "letters", "sorting"):
            assert exchange.analysis
        if exchange.skill == "arithmetic":
            checks[each.effort == "high"] += "; check " in exchange.analysis
    assert checks[True] > 20
    assert not checks[False]


def test_arithmetic_is_right() -> None:
    """The operation, its numbers and the result, and the end of the working."""
    kinds = Counter[str]()
    for exchange in single("arithmetic", 3000):
        assert exchange.final == computed(exchange.user), exchange
        result = re.split(r" = ", exchange.final)[1].replace(" remainder 0", "").replace("remainder ", "r")
        worked = exchange.analysis.split("; check ")[0]
        assert worked.endswith((f"={result}", f"; {result}")), exchange
        kinds[re.sub(r"\d+", "", exchange.final)] += 1
    assert len(kinds) == 7
    assert min(kinds.values()) > 30


def test_steps_are_right() -> None:
    """Every step that the working writes is true, of all skills."""
    seen = Counter[str]()
    for each in draws(None, 4000):
        for exchange in each.exchanges:
            for x, y, carry, total in re.findall(r"(?<!\d)(\d)\+(\d)\+(\d)=(\d\d)\b", exchange.analysis):
                assert int(x) + int(y) + int(carry) == int(total), exchange
                seen["+"] += 1
            for x, y, carry, lent, digit in re.findall(r"(?<!\d)(\d)-(\d)-(\d)=(\d)(\d)\b", exchange.analysis):
                assert int(x) - int(y) - int(carry) == int(digit) - 10 * int(lent), exchange
                seen["-"] += 1
            for x, y, product, carry, total in re.findall(r"(\d)\*(\d)=(\d\d)\+(\d)=(\d\d)\b", exchange.analysis):
                assert int(x) * int(y) == int(product), exchange
                assert int(product) + int(carry) == int(total), exchange
                seen["*"] += 1
            for x, y, whole, rest in re.findall(r"\b(\d+)/(\d+)=(\d)r(\d)\b", exchange.analysis):
                assert divmod(int(x), int(y)) == (int(whole), int(rest)), exchange
                seen["/"] += 1
    assert min(seen[sign] for sign in "+-*/") > 500


def checked_conversion(exchange: Exchange) -> str:
    """The kind of a conversion whose answer is right."""
    user, final = exchange.user, exchange.final
    if match := re.fullmatch(r"(\d+) ([CF]) = (\d+) ([CF])", final):
        celsius, fahrenheit = (int(match[i]) for i in ((1, 3) if match[2] == "C" else (3, 1)))
        assert celsius * 1.8 + 32 == fahrenheit
        assert match[1] in re.findall(r"\d+", user)
        return "degrees"
    if match := re.fullmatch(r"(\d+) (\w+) = (\d+) (\w+)", final):
        amount, source, result, target = int(match[1]), match[2], int(match[3]), match[4]
        factor = FACTORS.get((source, target))
        assert result == amount * factor if factor else result * FACTORS[target, source] == amount
        assert min(amount, result) > 1
        assert f"{amount} {source}" in user
        assert target in user.lower()
        return "units"
    if match := re.fullmatch(r"(\d+) in Roman numerals is ([IVXLC]+)", final):
        assert value_of_roman(match[2]) == int(match[1])
        assert match[1] in user
        return "to Roman"
    if match := re.fullmatch(r"([IVXLC]+) is (\d+)", final):
        assert value_of_roman(match[1]) == int(match[2])
        assert match[1] in user
        return "from Roman"
    if match := re.fullmatch(r"(\d+) in binary is (1[01]+)", final):
        assert int(match[2], 2) == int(match[1])
        assert match[1] in user
        return "to binary"
    if match := re.fullmatch(r"Binary ([01]+) is (\d+) in decimal", final):
        assert int(match[1], 2) == int(match[2])
        assert match[1] in user
        return "from binary"
    if match := re.fullmatch(r"(\d+) in words is ([a-z -]+)", final):
        assert value_of_words(match[2]) == int(match[1])
        assert match[1] in user
        return "to words"
    match = re.fullmatch(r"([a-z -]+) is (\d+)", final)
    assert match, final
    assert value_of_words(match[1]) == int(match[2])
    assert match[1] in user
    return "from words"


def test_conversions_are_right() -> None:
    """Every kind, both ways, read back from the answer."""
    kinds = Counter(checked_conversion(exchange) for exchange in single("conversion", 2500))
    assert len(kinds) == 8
    assert min(kinds.values()) > 50


def checked_letters(user: str, final: str, word: str = "") -> str:
    """The kind of a task on letters whose answer is right; `word` where the question does not name it."""
    low = user.lower()
    if match := re.fullmatch(r'The letter (\w) is in "(\w+)" (\d+) (times?)', final):
        letter, found, count, unit = match.groups()
        assert found.count(letter) == int(count)
        assert (unit == "time") == (count == "1")
        assert re.search(rf"\b{letter}\b", low)
        assert found == word or found in low
        return "one letter"
    if match := re.fullmatch(r'"(\w+)" has (\d+) (letters|vowels?)', final):
        found, count, unit = match.groups()
        counted = found if unit == "letters" else re.sub("[^aeiou]", "", found)
        assert len(counted) == int(count)
        assert (unit == "vowel") == (count == "1")
        assert found in low
        return unit.rstrip("s")
    if match := re.fullmatch(r'The (first|last) letter of "(\w+)" is (\w)', final):
        assert match[3] == (match[2][0] if match[1] == "first" else match[2][-1])
        assert match[1] in low
        assert match[2] in low
        return match[1]
    found = final.replace("-", "")
    if re.search("revers|backward", low):
        assert found[::-1] == word or found[::-1] in low
        return "reverse"
    assert found in low
    return "spell"


def test_letters_are_right() -> None:
    """Counts, spellings, first and last letters; the words of the list and others."""
    kinds = Counter(checked_letters(exchange.user, exchange.final) for exchange in single("letters", 2000))
    assert len(kinds) == 7
    assert min(kinds.values()) > 50
    assert all(re.fullmatch("[a-z]{3,11}", word) for word in words.WORDS)
    assert {"strawberry", "banana", "mississippi", "hello", "expert", "router", "token", "model"} <= set(words.WORDS)


def test_sorting_is_right() -> None:
    """The items of the prompt, in order or counted."""
    kinds = Counter[str]()
    for exchange in single("sorting", 2000):
        user, final = exchange.user.removesuffix(", please").replace(", please", ""), exchange.final
        if found := [int(number) for number in re.findall(r"\d+", user)]:
            if match := re.fullmatch(r"The (largest|smallest) is (\d+)", final):
                assert int(match[2]) == (max(found) if match[1] == "largest" else min(found))
                assert match[1] in user
                kinds[match[1]] += 1
            else:
                assert final == ", ".join(map(str, sorted(found)))
                kinds["numbers"] += 1
        elif "-" in final:
            letters = final.split("-")
            assert letters == sorted(letters)
            assert any(sorted(word) == letters for word in re.findall("[a-z]+", user))
            kinds["letters"] += 1
        else:
            text = re.sub(r"^(Please|Hey,|Ok,|So,|Hi,|Now,) ", "", user, flags=re.IGNORECASE)
            first, *middle = text.rstrip("?.").split(", ")
            listed = [first.split()[-1], *middle[:-1], middle[-1].split()[0]]
            if match := re.fullmatch(r"There are (\d+) words", final):
                assert int(match[1]) == len(listed)
                kinds["count"] += 1
            elif "revers" in user.lower():
                assert final == ", ".join(listed[::-1])
                kinds["reverse"] += 1
            else:
                assert final == ", ".join(sorted(listed))
                kinds["words"] += 1
    assert len(kinds) == 7
    assert min(kinds.values()) > 50


def checked_date(user: str, final: str, date: str) -> str:
    """The kind of an answer on dates that is right."""
    if match := re.fullmatch(r"(Today is|Tomorrow is|Yesterday was) (\d+ \w+ \d+)", final):
        away = {"Today is": 0, "Tomorrow is": 1, "Yesterday was": -1}[match[1]]
        told = datetime.datetime.strptime(match[2], "%d %B %Y").date()
        assert told == datetime.date.fromisoformat(date) + datetime.timedelta(days=away)
        return match[1]
    if match := re.fullmatch(r"(\w+) has (\d+) days( \(29 in a leap year\))?", final):
        assert int(match[2]) == calendar.monthrange(2025, MONTHS.index(match[1]) + 1)[1]
        assert (match[3] is not None) == (match[1] == "February")
        assert match[1] in user
        return "length"
    if match := re.fullmatch(r"The (day|month) (after|before) (\w+) is (\w+)", final):
        cycle = WEEKDAYS if match[1] == "day" else MONTHS
        away = (cycle.index(match[4]) - cycle.index(match[3])) % len(cycle)
        assert away == (1 if match[2] == "after" else len(cycle) - 1)
        return "neighbour"
    if match := re.fullmatch(r"(\d+) days (after|before) (\w+) is (\w+)", final):
        away = int(match[1]) * (1 if match[2] == "after" else -1)
        assert (WEEKDAYS.index(match[3]) + away - WEEKDAYS.index(match[4])) % 7 == 0
        assert match[1] in user
        assert match[3] in user
        assert (match[2] == "before") == (re.search("before| was it", user) is not None)
        return "days"
    if match := re.fullmatch(r"(Yes|No), (\d+) is (not )?a leap year", final):
        leap = datetime.date(int(match[2]), 12, 31).timetuple().tm_yday == 366
        assert (leap, leap) == (match[1] == "Yes", match[3] is None)
        assert match[2] in user
        return "leap"
    if match := re.fullmatch(r"Month (\d+) is (\w+)", final):
        assert MONTHS[int(match[1]) - 1] == match[2]
        assert match[1] in user
        return "month of number"
    match = re.fullmatch(r"(\w+) is month (\d+)", final)
    assert match, final
    assert MONTHS[int(match[2]) - 1] == match[1]
    assert match[1] in user
    return "number of month"


def test_dates_are_right() -> None:
    """Every kind; ends of months among the neighbours of the date."""
    kinds, ends = Counter[str](), 0
    for each in draws("dates", 2500):
        exchange = each.exchanges[0]
        kind = checked_date(exchange.user, exchange.final, each.date)
        kinds[kind] += 1
        assert exchange.analysis.startswith(f"Current date: {each.date};") == (kind.endswith((" is", " was")))
        ends += kind == "Yesterday was" and each.date.endswith("-01")
    assert len(kinds) == 9
    assert min(kinds.values()) > 50
    assert ends > 20


def test_facts_are_told_of_what_was_asked() -> None:
    """Capitals both ways; every answer names what the question asked for."""
    capitals = dict(words.CAPITALS)
    assert len(capitals) == len(words.CAPITALS) >= 75
    assert len(set(capitals.values())) == len(capitals)
    for exchange in single("facts", 1500):
        if match := re.fullmatch(r"The capital of (.+) is (.+)", exchange.final):
            assert capitals[match[1]] == match[2]
            assert match[1] in exchange.user
        elif match := re.fullmatch(r"(.+) is the capital of (.+)", exchange.final):
            assert capitals[match[2]] == match[1]
            assert match[1].lower() in exchange.user.lower()
        else:
            match = re.fullmatch(
                r"The (?:(?:symbol|number of legs|number of sides|number|colour) of )?(.+?) is (.+)", exchange.final
            )
            assert match, exchange.final
            thing = match[1].removesuffix(" planet from the Sun").split(" in ")[0]
            assert thing.lower() in exchange.user.lower(), exchange


def test_number_follow_ups_go_on_from_the_answer() -> None:
    """The answer before is in sight: the working of earlier turns is not."""
    checked = Counter[str]()
    for each in draws("followup", 1500):
        for before, after in zip(each.exchanges, each.exchanges[1:], strict=False):
            if match := re.fullmatch(r"(\d+) ([+*/-]) (\d+) = (-?\d+)", after.final):
                assert before.final.endswith(f"= {match[1]}")
                a, b, low = int(match[1]), int(match[3]), after.user.lower()
                assert int(match[4]) == {"+": a + b, "-": a - b, "*": a * b, "/": a / b}[match[2]]
                word = {"+": "plus|add", "-": "minus|subtract", "*": "times|multiply|double", "/": "half|halve"}[
                    match[2]
                ]
                assert re.search(word, low)
                assert match[3] in low or b == 2
                checked[match[2]] += 1
    assert min(checked[sign] for sign in "+-*/") > 30
    assert any(len(each.exchanges) == 3 for each in draws("followup", 200))


def test_other_follow_ups_are_right() -> None:
    """The same question for something else, the same word otherwise, the next day."""
    kinds, capitals = Counter[str](), dict(words.CAPITALS)
    for each in draws("followup", 1500):
        first, second = each.exchanges[:2]
        user = second.user
        if re.fullmatch(r"\d+ \w+ = \d+ \w+", second.final):
            checked_conversion(first)
            (amount,) = re.findall(r"\d+", user)
            source, target = re.findall(r"[a-z]+", first.final)
            assert re.findall(r"[a-z]+", second.final) == [source, target]
            asked_for = f"How many {target} are in {amount} {source}?"
            kinds[checked_conversion(Exchange(asked_for, "", second.final, ""))] += 1
        elif re.match(r'[a-z](-[a-z])+$|The letter|"', second.final):
            checked_letters(first.user, first.final)
            word = re.sub(r'.*"(\w+)".*', r"\1", first.final).replace("-", "")
            kinds[f"letters: {checked_letters(user, second.final, word)}"] += 1
        elif match := re.fullmatch(r"The capital of (.+) is (.+)", second.final):
            assert capitals[match[1]] == match[2]
            assert match[1] in user
            kinds["capitals"] += 1
        elif re.search("day|month|tomorrow", second.final, re.IGNORECASE) or " days" in second.final:
            checked_date(first.user, first.final, each.date)
            kind = checked_date(user, second.final, each.date)
            if kind == "neighbour":
                assert f" {first.final.rsplit(' ', 1)[1]} is " in second.final
                assert ("before" if re.search("before|previous", user) else "after") in second.final
            kinds[kind] += 1
    assert {"units", "letters: reverse", "letters: spell", "letters: one letter", "letters: letter", "capitals"} <= set(
        kinds
    )
    assert {"Tomorrow is", "Yesterday was", "length", "neighbour"} <= set(kinds)
    assert min(kinds.values()) > 5


def test_unknown_skill_is_refused() -> None:
    """A skill that does not exist is a mistake of the caller."""
    with pytest.raises(ValueError, match="no skill named"):
        sample(random.Random(0), "train", "cooking")


def test_tools_are_called_for_the_time_and_for_sums() -> None:
    """The call asks what the prompt asks, the answer says what came back, and a failed call is owned up to."""
    kinds = Counter[str]()
    for each in draws("tools", 3000):
        assert each.tools
        shown = ""
        for exchange in each.exchanges:
            if exchange.call is None:
                assert len(each.exchanges) == 1
                kinds["none"] += 1
                continue
            result = exchange.call.result
            if exchange.call.name == "clock":
                assert exchange.call.arguments == "{}"
                right = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", result) is not None
                final = f"It is {result}."
            else:
                expression = json.loads(exchange.call.arguments)["expression"]
                [(a, sign, b)] = re.findall(r"^(\d+) ([-+*/]) (\d+)$", expression)
                numbers = re.findall(r"\d+", exchange.user)
                assert ([shown, *numbers] if len(numbers) == 1 else numbers) == [a, b]
                value = {"+": int(a) + int(b), "-": int(a) - int(b), "*": int(a) * int(b), "/": int(a) / int(b)}[sign]
                right = not result.startswith("error:") and math.isclose(float(result), value, abs_tol=6e-5)
                final = f"{expression} = {result}"
            if result.startswith("error:"):
                assert exchange.final == tools.FAILED
            else:
                assert right, exchange
                assert exchange.final == final
            kinds["error" if result.startswith("error:") else exchange.call.name] += 1
            shown = result
        kinds["followed"] += len(each.exchanges) > 1
    assert min(kinds[kind] for kind in ("none", "clock", "calculator", "error", "followed")) > 50


def test_tools_belong_to_conversations_that_offer_them() -> None:
    """No other skill calls one, or is told of any."""
    for each in draws(None, 3000):
        assert each.tools == (each.exchanges[0].skill == "tools")
        assert each.tools or all(exchange.call is None for exchange in each.exchanges)
