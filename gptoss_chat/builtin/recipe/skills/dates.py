"""The current date and its neighbours, the order and length of months, the order of weekdays, leap years.

Knows nothing of splits. The analysis of an answer that depends on the system's date starts with "Current date".
"""

from __future__ import annotations

import calendar
import datetime
import random

from gptoss_chat.builtin.recipe.skills.common import Draft, ask
from gptoss_chat.builtin.recipe.skills.working import div_working

MONTHS = tuple(calendar.month_name[1:])
WEEKDAYS = tuple(calendar.day_name)

_TODAY = (
    "What is today's date?",
    "What is the date today?",
    "What is the date?",
    "Which date is today?",
    "What's the date?",
    "What date is it today?",
    "Tell me today's date.",
)
_TOMORROW = (
    "What is tomorrow's date?",
    "What is the date tomorrow?",
    "Which date is tomorrow?",
    "What date is it tomorrow?",
    "Tell me tomorrow's date.",
)
_YESTERDAY = (
    "What was yesterday's date?",
    "What was the date yesterday?",
    "Which date was yesterday?",
    "What date was it yesterday?",
    "Tell me yesterday's date.",
)
_LENGTH = (
    "How many days are in {m}?",
    "How many days does {m} have?",
    "How long is {m}?",
    "How many days has {m}?",
    "Number of days in {m}?",
)
_NEIGHBOUR = (
    "Which {t} comes {s} {n}?",
    "What {t} is {s} {n}?",
    "Which {t} is {s} {n}?",
    "What is the {t} {s} {n}?",
    "What {t} comes {s} {n}?",
)
_DAYS_ON = ("What day is {c} days {s} {n}?", "Which day is {c} days {s} {n}?", "Which weekday is {c} days {s} {n}?")
_IF_TODAY = {
    "after": ("If today is {n}, what day is it in {c} days?", "Today is {n}. Which day is it in {c} days?"),
    "before": ("If today is {n}, what day was it {c} days ago?", "Today is {n}. Which day was it {c} days ago?"),
}
_LEAP = (
    "Is {y} a leap year?",
    "Was {y} a leap year?",
    "Is the year {y} a leap year?",
    "{y}: a leap year?",
    "Does {y} have 366 days?",
)
_MONTH_OF_NUMBER = (
    "Which month is number {c}?",
    "What is month {c}?",
    "Which month is month {c}?",
    "Month number {c}?",
)
_NUMBER_OF_MONTH = (
    "Which number is {m}?",
    "What number is {m}?",
    "Which month number is {m}?",
    "Number of the month {m}?",
)


def _month_days(date: datetime.date) -> int:
    return calendar.monthrange(date.year, date.month)[1]


def _written(date: datetime.date) -> str:
    return f"{date.day} {MONTHS[date.month - 1]} {date.year}"


def today(user: str, date: datetime.date) -> Draft:
    """The date of the system message."""
    return Draft(user, f"Current date: {date}; {date.month:02d} {MONTHS[date.month - 1]}", f"Today is {_written(date)}")


def neighbour_date(user: str, date: datetime.date, name: str) -> Draft:
    """The date of `Tomorrow` or `Yesterday`."""
    month = f"{date.month:02d} {MONTHS[date.month - 1]}"
    if name == "Tomorrow":
        other = date + datetime.timedelta(days=1)
        steps = f"{month} has {_month_days(date)}; {date.day:02d}+1={date.day + 1:02d}"
        return Draft(user, f"Current date: {date}; {steps}; {_written(other)}", f"Tomorrow is {_written(other)}")
    other = date - datetime.timedelta(days=1)
    steps = f"{month}; {date.day:02d}-1={date.day - 1:02d}"
    if date.day == 1:
        steps += f"; {other.month:02d} {MONTHS[other.month - 1]} has {_month_days(other)}"
    return Draft(user, f"Current date: {date}; {steps}; {_written(other)}", f"Yesterday was {_written(other)}")


def neighbour(user: str, name: str, side: str) -> Draft:
    """The weekday or month after or before another."""
    cycle, thing = (WEEKDAYS, "day") if name in WEEKDAYS else (MONTHS, "month")
    other = cycle[(cycle.index(name) + (1 if side == "after" else -1)) % len(cycle)]
    return Draft(user, f"{side} {name}: {other}", f"The {thing} {side} {name} is {other}", recalled=True)


def ask_neighbour(rng: random.Random, name: str, side: str) -> Draft:
    """A question for a neighbour of a weekday or month, and its answer."""
    thing = "day" if name in WEEKDAYS else "month"
    return neighbour(ask(rng, _NEIGHBOUR, t=thing, s=side, n=name), name, side)


def ask_today(rng: random.Random, date: datetime.date) -> Draft:
    """A question for the date, and its answer."""
    return today(ask(rng, _TODAY), date)


def month_length(user: str, month: str) -> Draft:
    """How many days a month has."""
    days = calendar.monthrange(2023, MONTHS.index(month) + 1)[1]
    extra = " (29 in a leap year)" if days == 28 else ""
    return Draft(user, f"{month}: {days}", f"{month} has {days} days{extra}", days, recalled=True)


def ask_month_length(rng: random.Random, month: str) -> Draft:
    """A question for the days of a month, and its answer."""
    return month_length(ask(rng, _LENGTH, m=month), month)


def _days_on(rng: random.Random) -> Draft:
    name, count, side = rng.choice(WEEKDAYS), rng.randrange(2, 11), rng.choice(("after", "after", "before"))
    start, step, rest = WEEKDAYS.index(name), 1 if side == "after" else -1, count % 7
    path = " ".join(f"{WEEKDAYS[(start + step * i) % 7]} {i}" for i in range(rest + 1))
    user = ask(rng, _IF_TODAY[side] if rng.random() < 0.4 else _DAYS_ON, c=count, s=side, n=name)
    lead = f"{count}-7={rest}" if count >= 7 else str(count)
    other = WEEKDAYS[(start + step * count) % 7]
    return Draft(user, f"{lead} {side}: {path}", f"{count} days {side} {name} is {other}")


def _leap(rng: random.Random) -> Draft:
    year = rng.randrange(1900, 2101) if rng.random() < 0.95 else rng.choice((1900, 2000, 2100))
    ends = year % 100
    divided = div_working(ends or year // 100, 4)
    final = f"Yes, {year} is a leap year" if calendar.isleap(year) else f"No, {year} is not a leap year"
    return Draft(ask(rng, _LEAP, y=year), f"{year}: ends {ends:02d}; {divided}", final)


def dates(rng: random.Random, date: datetime.date) -> Draft:
    """One question on the date or the calendar."""
    kinds = ("today", "tomorrow", "yesterday", "length", "neighbour", "days", "leap", "number")
    match rng.choices(kinds, (12, 14, 14, 9, 14, 18, 11, 8))[0]:
        case "today":
            return ask_today(rng, date)
        case "tomorrow":
            return neighbour_date(ask(rng, _TOMORROW), date, "Tomorrow")
        case "yesterday":
            return neighbour_date(ask(rng, _YESTERDAY), date, "Yesterday")
        case "length":
            return ask_month_length(rng, rng.choice(MONTHS))
        case "neighbour":
            return ask_neighbour(rng, rng.choice((*WEEKDAYS, *MONTHS)), rng.choice(("after", "before")))
        case "days":
            return _days_on(rng)
        case "leap":
            return _leap(rng)
        case _:
            place = rng.randrange(12)
            month = MONTHS[place]
            if rng.random() < 0.5:
                user = ask(rng, _MONTH_OF_NUMBER, c=place + 1)
                return Draft(user, f"month {place + 1}: {month}", f"Month {place + 1} is {month}", recalled=True)
            user = ask(rng, _NUMBER_OF_MONTH, m=month)
            return Draft(user, f"{month}: {place + 1}", f"{month} is month {place + 1}", place + 1, recalled=True)
