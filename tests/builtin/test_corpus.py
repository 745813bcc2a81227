"""The corpus of the built-in model: right answers, repeatable draws, splits that share nothing.

Answers are computed again here from the prompt's text, by other means than the corpus uses.
"""

from __future__ import annotations

import random
import re

import pytest

from gptoss_chat.builtin.recipe import words
from gptoss_chat.builtin.recipe.corpus import SKILLS, Sample, Split, sample

FACTORS = {
    ("kilometres", "metres"): 1000, ("metres", "centimetres"): 100, ("centimetres", "millimetres"): 10, ("kilograms", "grams"): 1000,
    ("litres", "millilitres"): 1000, ("tonnes", "kilograms"): 1000, ("hours", "minutes"): 60, ("minutes", "seconds"): 60,
    ("days", "hours"): 24, ("weeks", "days"): 7, ("years", "months"): 12, ("feet", "inches"): 12, ("yards", "feet"): 3,
    ("dozens", "eggs"): 12,
}  # fmt: skip
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def draws(skill: str | None, count: int, split: Split = "train", seed: int = 7) -> list[Sample]:
    """Samples of a fixed seed."""
    rng = random.Random(seed)
    return [sample(rng, split, skill) for _ in range(count)]


def computed(text: str) -> int:
    """The value of the one sum, difference, product or quotient that a prompt asks for."""
    a, b = (int(number) for number in re.findall(r"\d+", text))
    low = text.lower()
    if re.search(r"\+|plus|add|sum", low):
        return a + b
    if "subtract" in low:
        return b - a
    if re.search(r"-|minus", low):
        return a - b
    if re.search(r"\*|times|multiply|\d x \d", low):
        return a * b
    assert a % b == 0
    return a // b


def value_of_roman(numeral: str) -> int:
    """A Roman numeral's value: a smaller letter before a larger one counts against."""
    values = [ROMAN[letter] for letter in numeral]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def test_sample_repeats_with_a_seed() -> None:
    """The same seed gives the same conversations."""
    assert draws(None, 200) == draws(None, 200)
    assert draws(None, 200) != draws(None, 200, seed=8)


@pytest.mark.parametrize("skill", SKILLS)
def test_splits_share_no_conversation(skill: str) -> None:
    """What evaluation asks, on its date where the date matters, training never asked."""
    asked: dict[str, set[tuple[str, ...]]] = {}
    for split in ("train", "eval"):
        asked[split] = {
            (
                *(e.user.lower().rstrip("?.") for e in s.exchanges),
                s.date if s.exchanges[0].analysis.startswith("Current") else "",
            )
            for s in draws(skill, 300, split)
        }
    assert asked["eval"]
    assert not asked["train"] & asked["eval"]


def test_out_of_domain_fillers_of_the_splits_differ() -> None:
    """No topic that evaluation declines was declined in training."""
    train = " / ".join(s.exchanges[0].user.lower() for s in draws("decline", 1500))
    evaluated = " / ".join(s.exchanges[0].user.lower() for s in draws("decline", 300, "eval"))
    held = [country for country in words.UNKNOWN_COUNTRIES if country.lower() in evaluated]
    assert held
    assert not [country for country in held if country.lower() in train]


def test_one_conversation_has_one_answer() -> None:
    """A prompt, with what came before it and the date, never has two right answers."""
    answers: dict[tuple[str, ...], set[str]] = {}
    for each in draws(None, 3000):
        key = (each.date, *(e.user.lower().rstrip("?.") for e in each.exchanges))
        answers.setdefault(key, set()).add(each.exchanges[-1].final)
    assert not {key: finals for key, finals in answers.items() if len(finals) > 1}


def test_text_is_short_and_ascii() -> None:
    """Tokens are what training costs."""
    for each in draws(None, 1000):
        text = "".join(e.user + e.analysis + e.final for e in each.exchanges)
        assert text.isascii()
        assert len(text) < 900
        assert all(e.user.strip() and e.final.strip() for e in each.exchanges)


def test_arithmetic_is_right() -> None:
    """The result, in the answer and at the end of the working."""
    for each in draws("arithmetic", 800):
        exchange = each.exchanges[0]
        result = str(computed(exchange.user))
        assert exchange.final.endswith(f"= {result}"), exchange
        assert re.split(r"[= ]", exchange.analysis)[-1] == result, exchange


def test_arithmetic_steps_are_right() -> None:
    """Every `x op y = z` that the working writes is true."""
    for each in draws("arithmetic", 500):
        for left, right in re.findall(r"(?<![\d+*=-])(\d[+*]\d(?:\+\d)?)=(\d+)", each.exchanges[0].analysis):
            numbers = [int(n) for n in re.findall(r"\d+", left)]
            assert int(right) == (numbers[0] * numbers[1] if "*" in left else sum(numbers)), each


def test_units_are_right() -> None:
    """Both directions of every unit, from the answer's own words."""
    checked = 0
    for each in draws("conversion", 600):
        final = each.exchanges[0].final
        if match := re.fullmatch(r"(\d+) (\w+) = (\d+) (\w+)", final):
            amount, source, result, target = int(match[1]), match[2], int(match[3]), match[4]
            if (source, target) in FACTORS:
                assert amount * FACTORS[source, target] == result
            else:
                assert result * FACTORS[target, source] == amount
            assert match[1] in each.exchanges[0].user
            checked += 1
    assert checked > 150


def test_numerals_are_right() -> None:
    """Roman and binary, read back."""
    for each in draws("conversion", 600):
        final = each.exchanges[0].final
        if match := re.fullmatch(r"(\d+) in Roman numerals is ([IVXLC]+)", final):
            assert value_of_roman(match[2]) == int(match[1])
        if match := re.fullmatch(r"(\d+) in binary is ([01]+)", final):
            assert int(match[2], 2) == int(match[1])
        if match := re.fullmatch(r"Binary ([01]+) is (\d+) in decimal", final):
            assert int(match[1], 2) == int(match[2])


def test_letters_are_right() -> None:
    """Counts, spellings and first and last letters."""
    for each in draws("letters", 600):
        user, final = each.exchanges[0].user, each.exchanges[0].final
        if match := re.fullmatch(r'The letter (\w) is in "(\w+)" (\d+) times?', final):
            assert match[2].count(match[1]) == int(match[3])
        elif match := re.fullmatch(r'"(\w+)" has (\d+) letters', final):
            assert len(match[1]) == int(match[2])
        elif match := re.fullmatch(r'The (first|last) letter of "(\w+)" is (\w)', final):
            assert match[3] == (match[2][0] if match[1] == "first" else match[2][-1])
        else:
            word = final.replace("-", "")
            backwards = re.search(r"revers|backward", user.lower()) is not None
            assert (word[::-1] if backwards else word) in user


def test_sorting_is_right() -> None:
    """The items of the prompt, in order."""
    for each in draws("sorting", 300):
        user, final = each.exchanges[0].user, each.exchanges[0].final
        if found := re.findall(r"\d+", user):
            numbers = sorted(map(int, found))
            assert final == (f"The largest is {numbers[-1]}" if "largest" in user else ", ".join(map(str, numbers)))
        else:
            items = final.split(", ")
            assert items == sorted(items)
            assert all(item in user for item in items)
            assert len(items) == user.count(",") + 1


def test_number_follow_ups_go_on_from_the_answer() -> None:
    """The answer before is in sight: the working of earlier turns is not."""
    checked = 0
    for each in draws("followup", 400):
        for before, after in zip(each.exchanges, each.exchanges[1:], strict=False):
            if match := re.fullmatch(r"(\d+) ([+*-]) (\d+) = (-?\d+)", after.final):
                assert before.final.endswith(f"= {match[1]}")
                a, b = int(match[1]), int(match[3])
                assert int(match[4]) == {"+": a + b, "-": a - b, "*": a * b}[match[2]]
                checked += 1
    assert checked > 150


def test_unknown_skill_is_refused() -> None:
    """A skill that does not exist is a mistake of the caller."""
    with pytest.raises(ValueError, match="no skill named"):
        sample(random.Random(0), "train", "cooking")
