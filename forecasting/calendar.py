"""Calendar: which local days are worked, which are public holidays, and at which minutes of the day a place is open.

Public holidays come from the package `holidays`; for mainland China it holds what the State Council has decreed: days off, and
the weekend days that are worked to make up for them (调休). A decree appears each November for the year after. For a year
without one the package reckons the statutory days and knows no make-up days: `undecreed` says so, and whoever shows a forecast
says it on. An operator adds or takes away days in a TOML file (`parse_calendar`), and names the years that are decided so.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

EPOCH = date(1970, 1, 1)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 1_440
HOLIDAY, MADE_UP = 7, 8
"""Kinds of days beside the seven weekdays: a public holiday, and a weekend day worked in its place."""
KINDS = 9

Kinds = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class CalendarError(ValueError):
    """A calendar that cannot be used. `faults` holds one sentence for each thing that is wrong; the message is all of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Calendar:
    """`country` is an ISO 3166 code, with its part after a hyphen ("AU-VIC"), or "" for none. `weekdays` are those worked,
    Monday 0. `opening` is (from, to) in minutes of the day, one for each time of the day that is open; none: always open.
    `closes` says whether days that are not worked are closed. `off` and `worked` are single days that overrule the rest;
    `decided` are years whose days off an operator has entered."""

    country: str = ""
    weekdays: frozenset[int] = frozenset(range(5))
    opening: tuple[tuple[int, int], ...] = ()
    closes: bool = False
    off: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()
    decided: frozenset[int] = frozenset()

    def kind(self, day: date) -> int:
        """0–6: the weekday it behaves as; HOLIDAY; MADE_UP."""
        if day in self.off:
            return HOLIDAY
        if day in self.worked:
            return day.weekday() if day.weekday() in self.weekdays else MADE_UP
        public, made_up = _public(self.country, day.year)
        if day in made_up and day.weekday() not in self.weekdays:
            return MADE_UP
        return HOLIDAY if day in public else day.weekday()

    def kinds(self, first_day: int, n: int) -> Kinds:
        """Kinds of `n` days in a row, the first so many days after 1 January 1970."""
        return np.array([self.kind(EPOCH + timedelta(days=int(first_day) + k)) for k in range(n)], dtype=np.int64)

    def are_worked(self, kinds: Kinds) -> Mask:
        """Which of the days are worked."""
        worked = np.array([k in self.weekdays or k == MADE_UP for k in range(KINDS)])
        return np.asarray(worked[kinds])

    def are_open(self, kinds: Kinds, slots_per_day: int) -> Mask:
        """Which slots of the days are open at least in part, shape (days × slots,)."""
        starts = np.arange(slots_per_day) * DAY_MIN / slots_per_day
        ends = starts + DAY_MIN / slots_per_day
        hours = np.zeros(slots_per_day, bool) if self.opening else np.ones(slots_per_day, bool)
        for begins, closes in self.opening:
            hours |= (starts < closes) & (ends > begins)
        days = self.are_worked(kinds) if self.closes else np.ones(len(kinds), bool)
        return np.asarray(days[:, None] & hours[None, :]).ravel()

    def undecreed(self, years: Iterable[int]) -> tuple[int, ...]:
        """The years whose make-up working days nobody has decided yet, as far as is known here. Only mainland China has them."""
        if self.country.partition("-")[0] != "CN":
            return ()
        return tuple(year for year in sorted(set(years)) if year not in self.decided and not _public(self.country, year)[1])


ALWAYS = Calendar()
"""No holidays, no closed hours; Saturday and Sunday are days off."""


@lru_cache(maxsize=256)
def _public(country: str, year: int) -> tuple[frozenset[date], frozenset[date]]:
    """(days off, weekend days worked) of a country's year."""
    if not country:
        return frozenset(), frozenset()
    import holidays  # half a second that a city without a calendar need not spend

    name, _, part = country.partition("-")
    found = holidays.country_holidays(name, subdiv=part or None, years=range(year - 1, year + 2))
    off, worked = set(found), set(getattr(found, "weekend_workdays", ()) or ())
    if name == "CN":
        off |= set(_bridged(off, worked, year))
    return tuple(frozenset(day for day in days if day.year == year) for days in (off, worked))  # type: ignore[return-value]


def _bridged(off: set[date], worked: set[date], year: int) -> Iterable[date]:
    """Weekend days within a run of days off that holds a holiday: they belong to it, as the decree counts them."""
    for k in range((date(year, 12, 31) - date(year, 1, 1)).days + 1):
        day = date(year, 1, 1) + timedelta(days=k)
        if day.weekday() < 5 or day in off or day in worked:
            continue
        other = day + timedelta(days=1 if day.weekday() == 5 else -1)
        beside = {day - timedelta(days=1), day + timedelta(days=1)}
        if other not in worked:
            beside |= {other - timedelta(days=1), other + timedelta(days=1)}
        if beside & off:
            yield day


def require_country(country: str) -> str:
    """`country` as it is. Raises CalendarError when no calendar is known for it."""
    import holidays

    name, _, part = country.partition("-")
    supported = holidays.list_supported_countries(include_aliases=False)
    if name not in supported or (part and part not in supported[name]):
        raise CalendarError([f"country is '{country}': expected a code of ISO 3166 such as CN, US or AU-VIC"])
    return country


def parse_opening(words: str) -> tuple[tuple[int, int], ...]:
    """Such as "07:00-21:00", several with commas between, as minutes of the day.

    >>> parse_opening("09:00-12:00,13:30-17:00")
    ((540, 720), (810, 1020))
    """
    spans = []
    for word in words.split(","):
        told = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*", word)
        numbers = [int(n) for n in told.groups()] if told else [0, 0, 0, 0]
        begins, closes = 60 * numbers[0] + numbers[1], 60 * numbers[2] + numbers[3]
        if not told or max(numbers[1], numbers[3]) > 59 or not begins < closes <= DAY_MIN:
            raise CalendarError(
                [f"opening is '{words}': expected hours within one day such as 07:00-21:00 or 09:00-12:00,13:30-17:00"]
            )
        spans.append((begins, closes))
    return tuple(spans)


def parse_weekdays(words: str) -> frozenset[int]:
    """Such as "mon-fri", "tue,thu" or "sat-mon".

    >>> sorted(parse_weekdays("sat-mon"))
    [0, 5, 6]
    """
    days: set[int] = set()
    for word in words.lower().split(","):
        begins, _, ends = word.strip().partition("-")
        if begins not in WEEK or (ends or begins) not in WEEK:
            raise CalendarError([f"workdays is '{words}': expected days such as mon-fri or mon,wed,sat"])
        first, last = WEEK.index(begins), WEEK.index(ends or begins)
        days |= {(first + k) % 7 for k in range((last - first) % 7 + 1)}
    return frozenset(days)


@dataclass(slots=True)
class _Faults:
    place: str
    said: list[str] = field(default_factory=list)

    def add(self, key: str, value: object, expected: str) -> None:
        self.said.append(f"{self.place}: {key} is {value!r}: expected {expected}")


_KEYS = {"country", "workdays", "opening", "closes", "off", "worked", "decided"}


def parse_calendar(text: str, place: str = "calendar.toml") -> Calendar:
    """The calendar written in a TOML file (config/calendar.toml shows every key). Raises CalendarError with all faults."""
    try:
        told: Mapping[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise CalendarError([f"{place} is no TOML: {fault}"]) from None
    faults = _Faults(place)
    for key in sorted(told.keys() - _KEYS):
        faults.add(key, told[key], f"one of the keys {', '.join(sorted(_KEYS))}")

    def parsed(key: str, parse: Any, default: Any) -> Any:
        if key not in told:
            return default
        value = told[key]
        if not isinstance(value, str):
            faults.add(key, value, "words in quotation marks")
            return default
        try:
            return parse(value) if value else default
        except CalendarError as fault:
            faults.said += [f"{place}: {sentence}" for sentence in fault.faults]
            return default

    def days(key: str) -> frozenset[date]:
        value = told.get(key, [])
        if not (isinstance(value, list) and all(type(day) is date for day in value)):
            faults.add(key, value, "a list of dates such as [2027-02-06, 2027-02-07]")
            return frozenset()
        return frozenset(value)

    decided = told.get("decided", [])
    if not (isinstance(decided, list) and all(type(year) is int and 1949 <= year <= 2200 for year in decided)):
        faults.add("decided", decided, "a list of years such as [2027]")
        decided = []
    closes = told.get("closes", False)
    if not isinstance(closes, bool):
        faults.add("closes", closes, "true or false")
    off, worked = days("off"), days("worked")
    for day in sorted(off & worked):
        faults.add("off", day.isoformat(), "a day that is not in `worked` as well")
    calendar = Calendar(
        country=parsed("country", require_country, ""), weekdays=parsed("workdays", parse_weekdays, frozenset(range(5))),
        opening=parsed("opening", parse_opening, ()), closes=closes is True, off=off, worked=worked, decided=frozenset(decided),
    )  # fmt: skip
    if faults.said:
        raise CalendarError(faults.said)
    return calendar
