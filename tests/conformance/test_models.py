"""What every registered forecasting model promises, whatever it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from forecasting.calendar import Calendar
from forecasting.models.registry import MODELS
from forecasting.models.shape import Ask, Model
from forecasting.outlook import look_ahead
from forecasting.panel import Floats, Panel
from forecasting.trial import Trials

DAY = 24
N_DAYS = 35
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
SLOW = ("mstl_ets", "prophet", "poisson_glm")
"""Seconds a fit: their turn is the long tests'."""
PARAMETERS = {name: pytest.param(model, id=name, marks=[pytest.mark.long] * (name in SLOW)) for name, model in MODELS.items()}
EVERY_MODEL = pytest.mark.parametrize("model", PARAMETERS.values())
MONDAY = 20_017
"""21 October 2024, in days after 1 January 1970."""


def city(n_days: int = N_DAYS, seed: int = 1) -> Panel:
    """Three hourly series with a day, weekends and noise; rain that is known three days ahead and lifts the third."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_days * DAY)
    wave = 1 + 0.5 * np.sin(2 * np.pi * t / DAY - 2)
    weekend = np.where((t // DAY) % 7 >= 5, 0.6, 1.0)
    rain = np.where(rng.random((n_days + 3) * DAY) < 0.05, rng.gamma(2.0, 2.0, (n_days + 3) * DAY), 0.0)
    lifted = np.convolve(rain, 0.9 ** np.arange(72))[: len(t)]
    values = np.array([100 * wave * weekend, 20 * wave * weekend, 10 * wave + lifted])
    values = np.maximum(values + rng.normal(size=values.shape) * np.array([[4.0], [2.0], [0.3]]), 0.1)
    return Panel(values, DAY, MONDAY, Calendar("CN"), np.tile(rain, (1, 3, 1)))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return city()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What the packages of others say while they load is theirs."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def paths(
    model: Model, panel: Panel, origins: list[int], *, learnt: int | None = None, horizon: int = DAY, seed: int = 0
) -> Floats:
    fitted = model.fit(panel.until(learnt or min(origins)), Ask(horizon, min(origins) % DAY, seed))
    return fitted.paths(panel.until(max(origins)), np.array(origins), horizon)


@EVERY_MODEL
def test_a_path_has_one_value_for_every_slot_ahead(model: Model, panel: Panel) -> None:
    said = paths(model, panel, [30 * DAY, 30 * DAY + 7], horizon=DAY + 3)
    assert said.shape == (3, 2, DAY + 3)
    assert np.isfinite(said).all()


@pytest.mark.parametrize("model", [PARAMETERS[name] for name in PARAMETERS if name != "flat"])
def test_it_foresees_better_than_the_mean(model: Model, panel: Panel) -> None:
    origin = 31 * DAY
    off = np.abs(panel.values[:, origin : origin + DAY] - paths(model, panel, [origin])[:, 0]).mean(axis=1)
    known = panel.values[:, :origin]
    of_mean = np.abs(panel.values[:, origin : origin + DAY] - known.mean(axis=1, keepdims=True)).mean(axis=1)
    assert (off < of_mean).sum() >= (1 if model.name == "arx" else 2), "the rain says nothing of the first two"


@EVERY_MODEL
def test_nothing_after_the_origin_is_known(model: Model, panel: Panel) -> None:
    """Neither when it is cut off nor when it lies in the panel that is asked."""
    origin = 30 * DAY + 5
    fitted = model.fit(panel.until(29 * DAY), Ask(DAY, 5))
    changed = panel.values.copy()
    changed[:, origin:] = 1e4
    asked = np.array([origin])
    whole = fitted.paths(replace(panel, values=changed), asked, DAY)
    np.testing.assert_allclose(whole, fitted.paths(panel.until(origin), asked, DAY), rtol=1e-9, atol=1e-9)


@EVERY_MODEL
def test_what_came_between_a_fit_and_an_origin_is_taken_up_or_left_but_never_learnt(model: Model, panel: Panel) -> None:
    """Paths of several origins at once are those of each alone."""
    fitted = model.fit(panel.until(28 * DAY), Ask(DAY, 0))
    origins = [28 * DAY, 29 * DAY + 3, 31 * DAY]
    together = fitted.paths(panel.until(max(origins)), np.array(origins), DAY)
    for k, origin in enumerate(origins):
        alone = fitted.paths(panel.until(origin), np.array([origin]), DAY)[:, 0]
        np.testing.assert_allclose(together[:, k], alone, rtol=1e-9, atol=1e-9)


@EVERY_MODEL
def test_units_are_kept(model: Model, panel: Panel) -> None:
    """Thousands of people give thousands of people."""
    said = paths(model, panel, [30 * DAY])
    scaled = paths(model, replace(panel, values=panel.values / 1000), [30 * DAY])
    np.testing.assert_allclose(1000 * scaled, said, rtol=0.02 if model.name in ("prophet", "mstl_ets") else 1e-5)


@EVERY_MODEL
def test_the_same_seed_gives_the_same_paths(model: Model, panel: Panel) -> None:
    np.testing.assert_array_equal(*(paths(model, panel, [30 * DAY], seed=7) for _ in range(2)))


@EVERY_MODEL
def test_half_a_day_missing_changes_little(model: Model, panel: Panel) -> None:
    holed = panel.values.copy()
    holed[:, 20 * DAY : 20 * DAY + 12] = np.nan
    whole, without = (paths(model, each, [30 * DAY]) for each in (panel, replace(panel, values=holed)))
    assert np.abs(without - whole).mean() < 0.1 * np.abs(whole).mean()


@EVERY_MODEL
@pytest.mark.parametrize("n_told", [0, 1, 3, 30])
def test_a_history_too_short_is_no_fault(model: Model, n_told: int) -> None:
    values = np.full((2, 3 * DAY), np.nan)
    values[0, 3 * DAY - n_told :] = np.arange(n_told) + 1.0
    said = paths(model, Panel(values, DAY, MONDAY), [3 * DAY])
    assert said.shape == (2, 1, DAY)
    assert not np.isinf(said).any()


@EVERY_MODEL
def test_a_series_that_never_changes_is_not_made_to(model: Model) -> None:
    said = paths(model, Panel(np.full((1, 30 * DAY), 7.0), DAY, MONDAY, covariates=np.zeros((1, 1, 31 * DAY))), [30 * DAY])
    np.testing.assert_allclose(said[np.isfinite(said)], 7.0, rtol=1e-6)


@EVERY_MODEL
def test_its_quantiles_are_there_ordered_and_never_negative(model: Model, panel: Panel) -> None:
    known = panel.until(30 * DAY + 9)
    seen = look_ahead(Trials(panel, DAY), known, LEVELS, model=model)
    assert seen.quantiles.shape == (len(LEVELS), 3, DAY)
    assert (np.diff(seen.quantiles, axis=0) >= 0).all()
    assert (seen.quantiles >= 0).all()
    assert np.isfinite(seen.quantiles).all()


@EVERY_MODEL
def test_it_is_named_in_both_languages_and_knows_its_tier(model: Model) -> None:
    assert model.label("zh")
    assert model.label("en")
    assert model.tier in ("A", "B", "C")
    assert model.name.isidentifier()
