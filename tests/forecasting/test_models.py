"""What every registered model promises, and what each one says on data one can check in the head."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg

from forecasting.models import autoreg, flat, seasonal_naive
from forecasting.models.registry import AUTOREG, MODELS
from forecasting.models.shape import DAY_S, Floats, Model, Unfit

STEP_S = 1800
DAY = DAY_S // STEP_S
EVERY_MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def days_of_noise(n_days: float, seed: int = 1) -> Floats:
    """A daily wave around 50 with noise of 1."""
    t = np.arange(int(n_days * DAY))
    return 50 + 10 * np.sin(2 * np.pi * t / DAY) + np.random.default_rng(seed).normal(size=len(t))


def paths(model: Model, history: Floats, origins: list[int], *, horizon: int = DAY, learnt_until: int | None = None) -> Floats:
    return model.paths(history, np.array(origins), horizon, STEP_S, learnt_until or min(origins))


@EVERY_MODEL
def test_a_path_has_one_value_for_every_slot_of_the_horizon(model: Model) -> None:
    foreseen = paths(model, days_of_noise(5), [4 * DAY, 4 * DAY + 7], horizon=DAY + 3)
    assert foreseen.shape == (2, DAY + 3)
    assert np.isfinite(foreseen).all()


@EVERY_MODEL
def test_nothing_after_the_origin_is_known(model: Model) -> None:
    history = days_of_noise(6)
    origin = 5 * DAY
    changed = history.copy()
    changed[origin:] = -1000
    np.testing.assert_array_equal(paths(model, history, [origin]), paths(model, changed, [origin]))


@EVERY_MODEL
def test_nothing_after_the_learnt_part_is_learnt(model: Model) -> None:
    """What came between the learnt part and a later origin may start a path, not shape the model: an origin that sees only
    old values says the same."""
    history = days_of_noise(6)
    changed = history.copy()
    changed[4 * DAY :] += 25
    early = [4 * DAY]
    np.testing.assert_array_equal(
        paths(model, history, early, learnt_until=3 * DAY), paths(model, changed, early, learnt_until=3 * DAY)
    )


@EVERY_MODEL
def test_units_are_kept(model: Model) -> None:
    """The same temperatures in other degrees give the same forecast in other degrees."""
    celsius = days_of_noise(5)
    foreseen = paths(model, celsius, [5 * DAY])
    np.testing.assert_allclose(paths(model, 1.8 * celsius + 32, [5 * DAY]), 1.8 * foreseen + 32, rtol=1e-6)


@EVERY_MODEL
def test_the_same_history_gives_the_same_forecast(model: Model) -> None:
    np.testing.assert_array_equal(*(paths(model, days_of_noise(5), [5 * DAY]) for _ in range(2)))


@EVERY_MODEL
def test_an_hour_missing_changes_little(model: Model) -> None:
    whole = days_of_noise(5)
    holed = whole.copy()
    holed[2 * DAY : 2 * DAY + 2] = np.nan
    foreseen = paths(model, holed, [5 * DAY])
    assert np.abs(foreseen - paths(model, whole, [5 * DAY])).max() < 1


def test_the_last_value_is_repeated() -> None:
    assert flat.forecast_paths(np.array([1.0, 2.0, 7.0]), np.array([2, 3]), 2, STEP_S, 1).tolist() == [[2, 2], [7, 7]]


def test_yesterday_is_repeated() -> None:
    history = np.arange(2.0 * DAY)
    foreseen = seasonal_naive.forecast_paths(history, np.array([2 * DAY]), DAY + 1, STEP_S, 0)[0]
    assert foreseen[:DAY].tolist() == history[DAY:].tolist()
    assert foreseen[DAY] == history[DAY], "the day after tomorrow repeats yesterday too"


def test_a_slot_that_yesterday_lacks_is_taken_from_the_day_before() -> None:
    history = np.arange(3.0 * DAY)
    history[2 * DAY + 5] = np.nan
    assert seasonal_naive.forecast_paths(history, np.array([3 * DAY]), DAY, STEP_S, 0)[0, 5] == DAY + 5


def test_a_slot_that_no_day_has_lies_between_its_neighbours() -> None:
    history = np.arange(2.0 * DAY)
    history[[5, DAY + 5]] = np.nan
    assert seasonal_naive.forecast_paths(history, np.array([2 * DAY]), DAY, STEP_S, 0)[0, 5] == DAY + 5


def test_without_any_day_there_is_nothing_to_repeat() -> None:
    history = np.full(2 * DAY, np.nan)
    history[-3:] = 1.0
    with pytest.raises(Unfit, match="no_day"):
        seasonal_naive.forecast_paths(history, np.array([2 * DAY]), 4, STEP_S, 0)


def test_autoreg_says_what_statsmodels_says() -> None:
    """statsmodels' own multi-step forecast with the same lags and harmonics, from the end of what was learnt."""
    history = days_of_noise(8)
    k = 2 * np.pi * np.outer(np.arange(len(history) + DAY), np.arange(1, 5)) / DAY
    curve = np.hstack([np.sin(k), np.cos(k)])
    fitted = AutoReg(history, lags=[1, 2, 3], exog=curve[: len(history)]).fit()
    theirs = fitted.forecast(DAY, exog=curve[len(history) :])
    np.testing.assert_allclose(paths(AUTOREG, history, [len(history)])[0], theirs, rtol=1e-9)


def test_autoreg_lets_a_disturbance_fade_into_the_day() -> None:
    history = days_of_noise(8)
    history[-1] += 8
    calm, disturbed = (paths(AUTOREG, h, [8 * DAY], learnt_until=7 * DAY)[0] for h in (days_of_noise(8), history))
    assert abs(disturbed[-1] - calm[-1]) < 0.1


def test_autoreg_refuses_a_history_with_a_long_gap() -> None:
    history = days_of_noise(5)
    history[DAY : DAY + 8] = np.nan
    with pytest.raises(Unfit, match="gaps"):
        paths(AUTOREG, history, [5 * DAY])


def test_autoreg_refuses_what_statsmodels_cannot_tell_apart() -> None:
    """A wave without noise is a sum of its own harmonics: the lags carry nothing of their own."""
    t = np.arange(5 * DAY)
    with pytest.raises(Unfit, match="no_convergence"):
        paths(AUTOREG, np.sin(2 * np.pi * t / DAY), [5 * DAY])


def test_autoreg_refuses_to_run_away() -> None:
    """A growth of 3 % a slot, learnt well, would be a thousand times the history after a few days."""
    t = np.arange(3 * DAY)
    noise = np.random.default_rng(0).normal(size=len(t)) * 1e-3
    with pytest.raises(Unfit, match="unstable"):
        autoreg.forecast_paths(1.03**t + noise, np.array([3 * DAY]), 3 * DAY, STEP_S, 3 * DAY)
