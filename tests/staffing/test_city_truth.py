"""Surges and effects of rain at the simulated halls, whose causes are known: found when they are there, and hardly where not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest

from gis_data.city import City
from iot.scenarios import HallRush, Scene
from iot.simulated.calendar import is_working_day
from iot.simulated.halls.staff import Hall, halls_of
from iot.simulated.halls.visitors import Visitors, rain_factor
from iot.simulated.weather import Weather
from staffing import cross_effects, surges
from staffing.cross_effects import HALVES, RAIN, SHOWN_RAIN_MM, HalfDay
from staffing.surges import BIN, Counts, Surge

SEED, ZONE = 7, ZoneInfo("Asia/Shanghai")
WEATHER = Weather(SEED, ZONE)
DAYS = [d for k in range(58) if is_working_day(d := date(2026, 3, 2) + timedelta(days=k), ZONE) and d.weekday() < 5][:40]
LEARNT, SEEN = DAYS[:28], DAYS[28:]
BINS_A_DAY, HOUR_MS = 288, 3_600_000
ByItem = dict[str, npt.NDArray[np.int64]]

pytestmark = pytest.mark.long


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


def a_day(hall: Hall, day: date, scenes: Sequence[Scene] = ()) -> tuple[ByItem, list[int]]:
    """Who came by item and five minutes, and walk-ins by half day."""
    hours = hall.hours(day)
    assert hours is not None
    came: ByItem = {}
    walk_ins = [0] * len(HALVES)
    for ticket in Visitors(hall, day, hours, midnight(day).timestamp(), WEATHER, SEED).between(0, 24 * 60 + 1, scenes):
        came.setdefault(ticket.item, np.zeros(BINS_A_DAY, np.int64))[ticket.arrives_ms // 300_000] += 1
        for number, half in enumerate(HALVES):
            walk_ins[number] += ticket.channel == "walk_in" and ticket.arrives_ms // HOUR_MS in half
    return came, walk_ins


Days = dict[tuple[str, date], tuple[ByItem, list[int]]]


@pytest.fixture(scope="module")
def halls(small_city: City) -> list[Hall]:
    return list(halls_of(small_city, SEED))[:6]


@pytest.fixture(scope="module")
def known(halls: list[Hall]) -> Days:
    return {(hall.hall_id, day): a_day(hall, day) for hall in halls for day in DAYS}


def raised(halls: list[Hall], known: Days, day: date, seen: dict[str, ByItem]) -> list[tuple[datetime, Surge]]:
    """What is raised on a day, looked at every five minutes beside the mean of the days before by the quarter of an hour."""
    found: list[tuple[datetime, Surge]] = []
    usual: dict[tuple[str, str], npt.NDArray[np.float64]] = {}
    for hall in halls:
        for item in known[hall.hall_id, DAYS[0]][0]:
            rows = [known[hall.hall_id, d][0].get(item, np.zeros(BINS_A_DAY)) for d in LEARNT]
            usual[hall.hall_id, item] = np.repeat(np.mean(rows, axis=0).reshape(-1, 3).mean(axis=1), 3)
    standing: tuple[Surge, ...] = ()
    for end in range(104, 210):
        looked = [
            Counts(hall_id, item, tuple(seen[hall_id].get(item, np.zeros(BINS_A_DAY, int))[end - 24 : end].tolist()), tuple(expected[end - 24 : end].tolist()), 0.1)
            for (hall_id, item), expected in usual.items()
        ]  # fmt: skip
        now = midnight(day) + end * BIN
        there = surges.surges([*looked, *surges.together(looked)], standing, now)
        found += [(now, surge) for surge in there if surge.key not in {other.key for other in standing}]
        standing = there
    return found


def test_twice_as_many_at_one_hall_are_a_surge_within_half_an_hour(halls: list[Hall], known: Days) -> None:
    day = SEEN[3]
    ten = midnight(day) + timedelta(hours=10)
    rush = HallRush(ten.timestamp(), 5_400, (halls[0].hall_id,), 2.0)
    seen = {hall.hall_id: known[hall.hall_id, day][0] for hall in halls} | {halls[0].hall_id: a_day(halls[0], day, [rush])[0]}
    found = [(at, surge) for at, surge in raised(halls, known, day, seen) if surge.hall_id == halls[0].hall_id]
    at, first = found[0]
    assert ten < at <= ten + timedelta(minutes=30)
    assert abs(first.since - ten) <= timedelta(minutes=30)
    assert all(surge.raised_at >= ten for _, surge in found)


def test_calm_days_raise_a_surge_once_in_a_while_at_most(halls: list[Hall], known: Days) -> None:
    """Six halls with some sixty services between them, twelve days: one in four days at most."""
    n = sum(len(raised(halls, known, day, {hall.hall_id: known[hall.hall_id, day][0] for hall in halls})) for day in SEEN)
    assert n <= 3


def test_what_rain_does_there_is_within_the_interval_that_is_told(halls: list[Hall], known: Days) -> None:
    rows = []
    for hall in halls:
        for day in DAYS:
            for number, half in enumerate(HALVES):
                times = midnight(day).timestamp() + 3_600 * np.arange(half.start, half.stop, 0.25)
                mm = float(WEATHER.rain_mm_h(hall.lon, hall.lat, times, ()).mean()) * len(half)
                rows.append(HalfDay(hall.hall_id, day, number, known[hall.hall_id, day][1][number], mm, 0.0, is_eve=False))
    (rain,) = [effect for effect in cross_effects.effects(rows) if effect.cause == RAIN]
    truth = float(rain_factor(SHOWN_RAIN_MM / len(HALVES[0])))
    assert rain.low is not None
    assert rain.high is not None
    assert rain.low < truth < rain.high < 1.05
    assert rain.ratio == pytest.approx(truth, abs=0.1)
