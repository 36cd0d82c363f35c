"""The backtest: scores one can check by hand, and the same ones every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.backtest import backtest, origins_every
from forecasting.calendar import Calendar
from forecasting.models.registry import SEASONAL_NAIVE
from forecasting.panel import Panel

DAY, MONDAY = 24, 20_017


def in_turn(n_days: int = 30) -> Panel:
    """10 on one day, 11 on the next, and every other hour a hundredth less."""
    return Panel((np.repeat(10.0 + np.arange(n_days) % 2, DAY) - np.tile([0.0, 0.01], n_days * DAY // 2))[None], DAY, MONDAY)


def test_naive_forecasts_of_days_in_turn_are_off_by_one() -> None:
    panel = in_turn()
    origins = origins_every(panel, DAY, 3, DAY)
    assert origins == [27 * DAY, 28 * DAY, 29 * DAY]
    score = backtest(panel, origins, DAY, model=SEASONAL_NAIVE)
    assert (score.error[0], score.naive_day[0], score.naive_week[0]) == pytest.approx((1, 1, 1))
    assert (score.scale_day[0], score.scale_week[0]) == pytest.approx((1, 1))
    assert score.worse_than_naive() == 0
    assert score.wape == pytest.approx(3 / (11 + 10 + 11), rel=1e-2)


def test_closed_hours_and_hours_without_values_are_not_scored() -> None:
    values = in_turn().values.copy()
    values[0, -4:] = np.nan
    panel = replace(in_turn(), values=values, calendar=Calendar(opening=((0, 720),)))
    score = backtest(panel, [29 * DAY], DAY, model=SEASONAL_NAIVE)
    assert (score.error_sum, score.came_sum) == pytest.approx((12, 12 * 11 - 0.06))


def test_the_same_seed_gives_the_same_score() -> None:
    rng = np.random.default_rng(0)
    panel = Panel(rng.poisson(20 + 10 * np.sin(np.arange(40 * DAY) * np.pi / 12), (2, 40 * DAY)).astype(float), DAY, MONDAY)
    origins = origins_every(panel, DAY + 5, 4, DAY)
    one, other = (backtest(panel, origins, DAY, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.error, other.error)
    assert one.inside.keys() == {0.8, 0.9}
    assert (one.inside[0.8] <= one.inside[0.9]).all()
