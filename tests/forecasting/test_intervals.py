"""Intervals by hand, by law, and on noise whose quantiles are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting.intervals import fit_predict
from forecasting.models.registry import AUTOREG, FLAT, SEASONAL_NAIVE
from forecasting.models.shape import DAY_S, Floats, Indices, Unfit

STEP_S = 3600
DAY = DAY_S // STEP_S


def noise_around_a_day(n_days: int, seed: int) -> Floats:
    t = np.arange(n_days * DAY)
    return 20 + 5 * np.sin(2 * np.pi * t / DAY) + np.random.default_rng(seed).normal(size=len(t))


def test_four_fifths_of_what_comes_lie_in_the_band() -> None:
    """Independent noise, forty histories: 40 × 24 values, of which 80 % ± 5 are expected between q10 and q90."""
    inside = []
    for seed in range(40):
        whole = noise_around_a_day(29, seed)
        q10, _, q90 = fit_predict(AUTOREG, whole[: 28 * DAY], STEP_S, DAY).values
        inside.append((whole[28 * DAY :] >= q10) & (whole[28 * DAY :] <= q90))
    assert np.mean(inside) == pytest.approx(0.80, abs=0.05)


def test_the_band_is_as_wide_as_the_errors_were() -> None:
    """Steps of +1 and −1 in turn: the last value is off by 0 or 1 at every odd distance, never by more."""
    history = np.tile([0.0, 1.0], 10 * DAY)
    q10, q50, q90 = fit_predict(FLAT, history, STEP_S, 1).values[:, 0]
    assert (q10, q50, q90) == (0.0, 1.0, 2.0)


def test_a_short_history_grows_its_band_as_a_random_walk_does() -> None:
    """Four values give no error for the ninth hour: it takes three times (√9) the offset of the first."""
    q10, q50, q90 = fit_predict(FLAT, np.array([1.0, 2.0, 3.0, 4.0]), STEP_S, 9).values
    assert q50.tolist() == [4.0] * 9
    assert q90[8] - 4 == pytest.approx(3 * (q90[0] - 4))
    assert q90[0] > 4
    assert (q10 <= q50).all()


def test_a_forecast_starts_where_the_values_end() -> None:
    """Two hours missing at the end: the second slot after them is the fourth after the last value."""
    whole = noise_around_a_day(10, 0)
    waiting = np.concatenate([whole, [np.nan, np.nan]])
    later = fit_predict(SEASONAL_NAIVE, waiting, STEP_S, DAY).values[1]
    at_once = fit_predict(SEASONAL_NAIVE, whole, STEP_S, DAY + 2).values[1]
    assert later.tolist() == at_once[2:].tolist()


def test_a_trial_starts_after_measured_slots_only() -> None:
    """A model that bridges a gap has seen its far side: it must not be asked from inside."""
    history = noise_around_a_day(10, 0)
    history[7 * DAY : 7 * DAY + 3] = np.nan
    asked: list[int] = []

    def paths(known: Floats, origins: Indices, horizon: int, step_s: int, learnt_until: int) -> Floats:
        asked.extend(origins.tolist())
        return FLAT.paths(known, origins, horizon, step_s, learnt_until)

    fit_predict(replace(FLAT, paths=paths), history, STEP_S, 3)
    assert {7 * DAY, 7 * DAY + 4} < set(asked)
    assert not {7 * DAY + 1, 7 * DAY + 2, 7 * DAY + 3} & set(asked)


def test_bounds_are_kept() -> None:
    values = fit_predict(SEASONAL_NAIVE, noise_around_a_day(10, 0) - 18, STEP_S, DAY, low=0.0, high=6.0).values
    assert values.min() == 0.0
    assert values.max() == 6.0


def test_what_cannot_be_tried_is_not_said() -> None:
    with pytest.raises(Unfit, match="untried"):
        fit_predict(FLAT, np.array([1.0]), STEP_S, 3)


def test_what_no_city_measures_is_refused() -> None:
    with np.errstate(over="ignore"), pytest.raises(Unfit, match="unstable"):
        fit_predict(FLAT, np.array([1e300, -1e300] * 20), STEP_S, 3)


histories = arrays(
    float, st.integers(30, 80), elements=st.one_of(st.just(np.nan), st.floats(-1e4, 1e4, width=32))
).map(lambda h: np.concatenate([[1.0], h]))  # fmt: skip


@pytest.mark.parametrize("model", [FLAT, SEASONAL_NAIVE])
@settings(deadline=None)  # a fit takes what a busy machine lets it
@given(history=histories, horizon=st.integers(1, 30))
def test_quantiles_are_ordered_whatever_came_before(model, history: Floats, horizon: int) -> None:  # type: ignore[no-untyped-def]
    try:
        q10, q50, q90 = fit_predict(model, history, STEP_S, horizon, low=0.0).values
    except Unfit:
        return
    assert ((q10 >= 0) & (q10 <= q50) & (q50 <= q90)).all()
    assert q10.shape == (horizon,)
