"""Cross-effects: an effect that was put in is found within its interval; what few days say is not said."""

from __future__ import annotations

from datetime import date, timedelta
from math import exp, log1p

import numpy as np
import pytest

from staffing.cross_effects import CLOSURE, EVE, RAIN, HalfDay, effects, is_eve

MONDAY = date(2026, 1, 5)


def half_days(n_days: int, *, wet: int, seed: int = 1, beta: float = 0.0, closed: float = 0.0, halls: int = 6) -> list[HalfDay]:
    """Working days of halls with 60 people a half day who all come more or less on the same days; `wet` of the days have 12 mm in
    the morning, and the first hall is walled in on every seventh."""
    luck = np.random.default_rng(seed)
    rows = []
    days = [day for k in range(2 * n_days) if (day := MONDAY + timedelta(days=k)).weekday() < 5][:n_days]
    rainy = set(luck.choice(n_days, wet, replace=False).tolist())
    for number, day in enumerate(days):
        busy = luck.normal(0, 0.05)
        for hall in range(halls):
            for half in (0, 1):
                rain = 12.0 if number in rainy and half == 0 else 0.0
                share = 1.0 if hall == 0 and number % 7 == 2 else 0.0
                people = luck.poisson(60 * exp(busy + beta * log1p(rain) + closed * share))
                rows.append(HalfDay(f"hall-{hall}", day, half, int(people), rain, share, False))
    return rows


def test_rain_and_closed_roads_that_keep_people_away_are_found_with_their_size() -> None:
    rain, closure, eve = effects(half_days(40, wet=12, beta=-0.1, closed=-0.4))
    assert (rain.cause, closure.cause, eve.cause) == (RAIN, CLOSURE, EVE)
    assert rain.ratio is not None
    assert rain.ratio == pytest.approx(exp(-0.1 * log1p(10)), abs=0.05)
    assert rain.low is not None
    assert rain.high is not None
    assert rain.low < exp(-0.1 * log1p(10)) < rain.high < 1
    assert closure.ratio == pytest.approx(exp(-0.4), abs=0.15)
    assert closure.high is not None
    assert closure.high < 1
    assert (rain.n_days, rain.of_days, closure.n_days) == (12, 40, 6)
    assert f"约为平常的 {rain.ratio:.0%}" in rain.zh
    assert "没有明显差别" not in rain.zh


def test_rain_that_does_nothing_is_told_so_nine_times_in_ten() -> None:
    """The interval holds nothing's ratio 1 about as often as it says (90 %)."""
    found = [effects(half_days(30, wet=10, seed=seed))[0] for seed in range(60)]
    held = sum(each.low is not None and each.high is not None and each.low <= 1 <= each.high for each in found)
    assert 48 <= held <= 59
    assert all(
        ("没有明显差别" in each.zh) == (each.low is not None and each.high is not None and each.low <= 1 <= each.high)
        for each in found
    )


def test_the_interval_of_a_cause_on_few_days_holds_what_is_true_as_often_as_it_says() -> None:
    held = 0
    for seed in range(60):
        _, closure, _ = effects(half_days(40, wet=8, beta=-0.1, closed=-0.4, seed=seed))
        held += closure.low is not None and closure.high is not None and closure.low <= exp(-0.4) <= closure.high
    assert 48 <= held <= 60


def test_few_days_say_nothing_and_say_so() -> None:
    rain, _, eve = effects(half_days(40, wet=5, beta=-1))
    assert (rain.ratio, rain.low, rain.n_days) == (None, None, 5)
    assert rain.zh == "有记录的 40 天中 5 天下雨\uff0c不足以下结论"
    assert eve.en == "of 40 days on record 0 were eves of a holiday: too few to say anything"
    assert [each.ratio for each in effects(half_days(15, wet=7, beta=-1))] == [None] * 3
    assert [(each.ratio, each.of_days) for each in effects([])] == [(None, 0)] * 3


def test_causes_that_always_come_together_are_not_told_apart() -> None:
    rows = [
        HalfDay(r.hall_id, r.day, r.half, r.walk_ins, r.rain_mm, log1p(r.rain_mm or 0) / 10, False) for r in half_days(40, wet=12)
    ]
    rain, closure, _ = effects(rows)
    assert (rain.ratio, closure.ratio) == (None, None)
    assert "cannot be told apart" in rain.en


def test_days_without_a_gauge_are_left_out_of_what_rain_does() -> None:
    rows = half_days(40, wet=12, beta=-0.1)
    half = [
        HalfDay(r.hall_id, r.day, r.half, r.walk_ins, None if r.day > MONDAY + timedelta(days=20) else r.rain_mm, 0.0, False)
        for r in rows
    ]
    (rain, *_) = effects(half)
    assert rain.n_days < 12


def test_an_eve_has_more_days_off_behind_it_than_a_weekend() -> None:
    off = {date(2026, 5, 1), date(2026, 5, 4), date(2026, 5, 5)}

    def is_worked(day: date) -> bool:
        return day.weekday() < 5 and day not in off

    assert [day for k in range(40) if is_eve(day := date(2026, 4, 10) + timedelta(days=k), is_worked)] == [date(2026, 4, 30)]
