"""Exceedance at the quantiles themselves, where the answer is exact, and its laws in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.exceedance import exceedance, outlook
from domain.forecasts import Forecast
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel, WarningSource

NINE = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ABOVE = ThresholdRule(
    rule_id="r", version=1, property="pm25", direction="above", thresholds=(LevelThreshold(WarningLevel.BLUE, 75, 70),),
    raise_hold_s=0, clear_hold_s=0, hazard_class="air", zh="", en="", source=WarningSource.FORECAST, horizon_s=3600,
)  # fmt: skip
BELOW = replace(ABOVE, direction="below")


def a_forecast(q10: float, q50: float, q90: float, steps: int = 8) -> Forecast:
    return Forecast(
        datastream_id=1, issued_at=NINE, first_target=NINE, step_s=900, q10=(q10,) * steps, q50=(q50,) * steps,
        q90=(q90,) * steps, model="autoreg", model_version="1", watermark=NINE,
    )  # fmt: skip


@pytest.mark.parametrize(("threshold", "above"), [(40, 0.9), (50, 0.5), (80, 0.1)])
def test_at_the_quantiles_the_probability_is_theirs(threshold: float, above: float) -> None:
    ahead = outlook(ABOVE, a_forecast(40, 50, 80), NINE)
    assert exceedance(ABOVE, ahead, threshold)[0] == pytest.approx(above)
    assert exceedance(BELOW, ahead, threshold)[0] == pytest.approx(1 - above)


def test_a_forecast_without_doubt_is_certain() -> None:
    ahead = outlook(ABOVE, a_forecast(50, 50, 50), NINE)
    assert [float(exceedance(ABOVE, ahead, t)[0]) for t in (49, 50, 51)] == [1, 1, 0]
    assert [float(exceedance(BELOW, ahead, t)[0]) for t in (49, 50, 51)] == [0, 1, 1]


def test_only_slots_within_the_horizon_and_not_yet_over_count() -> None:
    ahead = outlook(ABOVE, a_forecast(1, 2, 3), NINE + timedelta(minutes=20))
    assert [(t - NINE).total_seconds() / 60 for t in ahead.target_times] == [15, 30, 45, 60, 75]


def test_without_a_horizon_the_whole_forecast_counts() -> None:
    assert len(outlook(replace(ABOVE, horizon_s=0), a_forecast(1, 2, 3), NINE).target_times) == 8


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=3), st.floats(-200, 200), st.floats(-200, 200))
def test_a_higher_threshold_is_passed_less_often(quantiles: list[float], a: float, b: float) -> None:
    ahead = outlook(ABOVE, a_forecast(*sorted(quantiles)), NINE)
    low, high = sorted((a, b))
    assert 0 <= exceedance(ABOVE, ahead, high)[0] <= exceedance(ABOVE, ahead, low)[0] <= 1
