"""The outlook of a panel, its trial, and the quick refresh between two nights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.calendar import Calendar
from forecasting.models.registry import FLAT, MODELS, PROFILE
from forecasting.models.shape import Ask
from forecasting.outlook import look_ahead
from forecasting.panel import Floats, Panel, after
from forecasting.refresh import learn, refresh
from forecasting.trial import TRIED_D, Trials, origins_before

DAY, MONDAY = 24, 20_017
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def city(n_days: int, n: int = 6, seed: int = 0) -> Panel:
    """Counts with a day and weekends around which they scatter as Poisson counts do."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_days * DAY)
    rate = 40 * (1 + 0.6 * np.sin(2 * np.pi * t / DAY)) * np.where((t // DAY) % 7 >= 5, 0.5, 1.0)
    return Panel(rng.poisson(rate * rng.uniform(0.5, 2, (n, 1))).astype(float), DAY, MONDAY)


def inside(panel: Panel, low: Floats, high: Floats, origin: int) -> float:
    came = after(panel.values, np.array([origin]), DAY)[:, 0]
    return float(((came >= low) & (came <= high)).mean())


def test_bands_hold_what_they_promise_and_the_middle_beats_naive() -> None:
    panel = city(70)
    trials = Trials(panel, DAY)
    shares, errors, naive = [], [], []
    for origin in range(56 * DAY, 69 * DAY, DAY + 5):
        seen = look_ahead(trials, panel.until(origin), LEVELS)
        shares.append((inside(panel, *seen.quantiles[[1, 3]], origin), inside(panel, *seen.quantiles[[0, 4]], origin)))
        came = after(panel.values, np.array([origin]), DAY)[:, 0]
        errors.append(np.abs(came - seen.quantiles[2]).mean())
        naive.append(np.abs(came - panel.values[:, origin - 7 * DAY : origin - 6 * DAY]).mean())
    assert np.mean(shares, axis=0) == pytest.approx([0.80, 0.90], abs=0.04)
    assert np.mean(errors) < 0.8 * np.mean(naive), "the best possible is 1/√2 of the naive error"


def test_which_other_origins_are_asked_changes_nothing() -> None:
    panel = city(50)
    alone = look_ahead(Trials(panel.until(45 * DAY), DAY), panel.until(45 * DAY), LEVELS)
    trials = Trials(panel, DAY)
    for origin in (40 * DAY, 48 * DAY):
        look_ahead(trials, panel.until(origin), LEVELS)
    np.testing.assert_allclose(look_ahead(trials, panel.until(45 * DAY), LEVELS).quantiles, alone.quantiles)


def test_closed_hours_are_zero_at_every_quantile() -> None:
    panel = replace(city(40), calendar=Calendar(opening=((540, 1020),), closes=True))
    seen = look_ahead(Trials(panel, 7 * DAY), panel, LEVELS)
    is_open = panel.are_open(47 * DAY)[40 * DAY :]
    assert not seen.quantiles[:, :, ~is_open].any()
    assert (seen.quantiles[2][:, is_open] > 0).all()


def test_origins_of_a_trial_are_at_the_same_time_of_day_and_known() -> None:
    origins = origins_before(60 * DAY + 7, DAY, 0)
    assert len(origins) == TRIED_D
    assert {origin % DAY for origin in origins} == {7}
    assert max(origins) == 59 * DAY + 7
    assert len(origins_before(6 * DAY, DAY, 0)) == 16, "four a day where the history is short, from the third day on"


def test_a_trial_asks_a_model_that_learnt_from_older_values_only() -> None:
    learnt: list[int] = []

    def fit(panel: Panel, ask: Ask):  # type: ignore[no-untyped-def]
        learnt.append(panel.slots)
        return PROFILE.fit(panel, ask)

    origins = origins_before(40 * DAY, DAY, 0)
    Trials(city(40), DAY).then(replace(PROFILE, fit=fit), origins)
    assert max(learnt) < max(origins)
    assert len(learnt) < len(origins) / 2, "a fit serves for days"


def test_a_model_asked_for_by_name_speaks_alone() -> None:
    panel = city(30)
    seen = look_ahead(Trials(panel, DAY), panel, LEVELS, model=MODELS["weekly_naive"])
    assert set(seen.models) == {"weekly_naive"}
    np.testing.assert_allclose(seen.quantiles[2], panel.values[:, 23 * DAY : 24 * DAY])


def test_a_refresh_says_nearly_what_a_whole_look_says() -> None:
    panel = city(42, n=4)
    seen = look_ahead(Trials(panel, DAY), panel, LEVELS)
    quick = refresh(learn(panel, DAY, LEVELS), panel, DAY)
    assert np.abs(quick[2] - seen.quantiles[2]).mean() < 0.05 * seen.quantiles[2].mean()
    assert (np.diff(quick, axis=0) >= 0).all()


def test_a_refresh_takes_up_what_came_since_the_night() -> None:
    panel = city(42, n=4)
    learnt = learn(panel.until(41 * DAY), DAY, LEVELS)
    calm = refresh(learnt, panel.until(41 * DAY + 8), DAY)[2]
    busy = panel.values[:, : 41 * DAY + 8].copy()
    busy[:, -8:] *= 2
    assert (refresh(learnt, replace(panel, values=busy), DAY)[2].mean(axis=1) > calm.mean(axis=1)).all()


def test_gaps_at_the_end_are_not_seen_as_zeros() -> None:
    panel = city(30)
    values = panel.values.copy()
    values[:, -3:] = np.nan
    seen = look_ahead(Trials(replace(panel, values=values), DAY), replace(panel, values=values), LEVELS)
    whole = look_ahead(Trials(panel, DAY), panel, LEVELS)
    assert np.abs(seen.quantiles[2] - whole.quantiles[2]).mean() < 0.15 * whole.quantiles[2].mean()


def test_nothing_known_is_the_last_value_of_nothing() -> None:
    panel = Panel(np.full((1, 5 * DAY), np.nan), DAY, MONDAY)
    seen = look_ahead(Trials(panel, DAY), panel, LEVELS)
    assert seen.models == (FLAT.name,)
    assert seen.reasons[0] is not None
    assert seen.reasons[0].code == "never"
    assert not seen.quantiles.any()
