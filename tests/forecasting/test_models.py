"""What single models say on data one can check in the head; what all promise is in tests/conformance/test_models.py."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg

from forecasting.calendar import Calendar
from forecasting.models import arx, autoreg, flat, poisson_glm, profile, projection, prophet_holidays, seasonal_naive, two_stage
from forecasting.models.days import idle, so_far
from forecasting.models.rhythm import usual
from forecasting.models.shape import Ask
from forecasting.panel import Floats, Panel

DAY = 24
MONDAY = 20_017
WORK = Calendar(opening=((540, 1020),), closes=True)
"""Nine to five, Monday to Friday."""


def panel(values: Floats, calendar: Calendar = Calendar(), covariates: Floats | None = None) -> Panel:  # noqa: B008 - it is frozen
    return Panel(np.atleast_2d(values), DAY, MONDAY, calendar, covariates)


def noise(n_days: int, seed: int = 1) -> Floats:
    t = np.arange(n_days * DAY)
    return 50 + 10 * np.sin(2 * np.pi * t / DAY) + np.random.default_rng(seed).normal(size=len(t))


def say(model, known: Panel, horizon: int = DAY) -> Floats:  # type: ignore[no-untyped-def]
    return np.asarray(model.fit(known, Ask(horizon, known.slots % DAY)).paths(known, np.array([known.slots]), horizon)[:, 0])


def test_the_last_value_is_repeated() -> None:
    known = panel(np.array([1.0, 2.0, 7.0, np.nan]))
    assert flat.fit(known, Ask(2)).paths(known, np.array([2, 3, 4]), 2).tolist() == [[[2, 2], [7, 7], [7, 7]]]


def test_yesterday_is_repeated_and_the_day_after_tomorrow_too() -> None:
    history = np.arange(2.0 * DAY)
    known = panel(history)
    said = seasonal_naive.fit_daily(known, Ask(DAY)).paths(known, np.array([2 * DAY]), DAY + 1)[0, 0]
    assert said.tolist() == [*history[DAY:].tolist(), history[DAY]]


def test_a_slot_that_yesterday_lacks_is_taken_from_the_day_before() -> None:
    history = np.arange(3.0 * DAY)
    history[2 * DAY + 5] = np.nan
    known = panel(history)
    assert seasonal_naive.fit_daily(known, Ask(DAY)).paths(known, np.array([3 * DAY]), DAY)[0, 0, 5] == DAY + 5


def test_a_monday_is_like_the_monday_before() -> None:
    history = np.arange(7.0 * DAY)
    known = panel(history)
    assert (
        seasonal_naive.fit_weekly(known, Ask(DAY)).paths(known, np.array([7 * DAY]), DAY)[0, 0].tolist() == history[:DAY].tolist()
    )


def test_a_saturday_seen_for_the_first_time_is_like_other_days_and_the_second_like_the_first() -> None:
    """100 on five working days, then 40: the first Saturday is foreseen as 100. A week later: the Saturday before with weight
    1, the days off (40, 40, of which ten days of half-life make nearly two) with weight 1."""
    values = np.repeat(np.array([100.0] * 5 + [40.0] * 2), DAY)
    table = usual(values[None], panel(values), 14 * DAY, range(1, 2))[1].value[0].reshape(14, DAY)[:, 0]
    assert table[5] == pytest.approx(100)
    assert 40 < table[12] < 45
    assert table[7] == pytest.approx(100, abs=5)


def test_a_holiday_is_like_a_day_off() -> None:
    """1 May 2024 was a Wednesday."""
    first = 19_810  # 28 March 2024
    values = np.where(Calendar("CN").are_worked(Calendar("CN").kinds(first, 34)), 100.0, 40.0).repeat(DAY)
    known = Panel(values[None], DAY, first, Calendar("CN"))
    table = usual(known.values, known, 35 * DAY, range(1, 2))[1].value[0].reshape(35, DAY)[:, 0]
    assert table[34] < 60
    plain = Panel(values[None], DAY, first)
    assert usual(plain.values, plain, 35 * DAY, range(1, 2))[1].value[0].reshape(35, DAY)[34, 0] > 90


def test_a_profile_lets_a_deviation_fade() -> None:
    history = noise(20)
    calm = say(profile, panel(history))[0]
    history[-1] += 8
    disturbed = say(profile, panel(history))[0]
    assert disturbed[0] - calm[0] >= disturbed[5] - calm[5] >= -1e-9


@pytest.mark.parametrize("n_days", [10, 28])
def test_autoreg_says_what_statsmodels_says(n_days: int) -> None:
    """The same lags and columns given to statsmodels, and its own forecast of a day, for five series at once."""
    known = panel(np.stack([noise(n_days, seed) * (1 + seed) for seed in range(5)]))
    ours = say(autoreg, known)
    fitted = autoreg.fit(known, Ask(DAY))
    columns = autoreg.design(known, known.slots + DAY, is_long=fitted.is_long)[:, 1:]  # type: ignore[attr-defined]
    for history, said in zip(known.values, ours, strict=True):
        theirs = AutoReg(history, lags=list(fitted.lags), exog=columns[: known.slots]).fit()  # type: ignore[attr-defined]
        np.testing.assert_allclose(said, theirs.forecast(DAY, exog=columns[known.slots :]), rtol=1e-6)


def test_autoreg_has_nothing_to_say_when_columns_cannot_be_told_apart() -> None:
    """A wave without noise is a sum of its own harmonics: the lags carry nothing of their own."""
    assert np.isnan(say(autoreg, panel(np.sin(2 * np.pi * np.arange(10 * DAY) / DAY)))).all()


def test_autoreg_does_not_run_away() -> None:
    """A growth of 3 % a slot, learnt well, would be a thousand times the history after a few days."""
    t = np.arange(6 * DAY)
    growth = 1.03**t + np.random.default_rng(0).normal(size=len(t)) * 1e-3
    assert np.isnan(say(autoreg, panel(growth), 6 * DAY)).all()


def test_a_projection_follows_what_persists_and_forgets_what_does_not() -> None:
    """Deviations that last for days are taken on, white noise is not."""
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.normal(size=60), DAY) * 10
    lasting, white = 100 + slow, 100 + rng.normal(size=60 * DAY) * 10
    known = panel(np.stack([lasting, white]))
    disturbed = known.values.copy()
    disturbed[:, -12:] += 20
    moved = say(projection, panel(disturbed))[:, 5] - say(projection, known)[:, 5]
    assert moved[0] > 2 * abs(moved[1])


def test_an_arrival_day_twice_as_busy_is_foreseen_busier_by_noon() -> None:
    """Nine to five, 10 an hour. Today brings 20: of the rest four fifths more are believed, less the doubt."""
    day = np.where((np.arange(DAY) >= 9) & (np.arange(DAY) < 17), 10.0, np.nan)
    week = np.concatenate([np.tile(day, 5), np.full(2 * DAY, np.nan)])
    values = np.concatenate([np.tile(week, 6), np.where(np.arange(13) >= 9, 20.0, np.nan)])
    known = panel(values, WORK)
    for model in (two_stage, poisson_glm):
        said = say(model, known)[0]
        assert 14 < said[0] < 18, "at one o'clock"
        quiet = panel(np.concatenate([np.tile(week, 6), day[:13]]), WORK)
        assert say(model, quiet)[0][0] == pytest.approx(10, rel=0.05)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # what the package says of pandas is its own
def test_prophet_goes_through_a_weekend_day_that_is_worked() -> None:
    """27 April to 9 May 2025: a Sunday worked, five days off; the horizon ends after it."""
    first = 20_165  # 18 March 2025
    known = Panel(noise(40)[None], DAY, first, Calendar("CN"))
    assert Calendar("CN").kinds(first, 60).tolist().count(8) >= 1
    assert np.isfinite(say(prophet_holidays, known)).all()


def test_mondays_twice_as_busy_are_learnt_by_the_two_stages() -> None:
    day = np.where((np.arange(DAY) >= 9) & (np.arange(DAY) < 17), 10.0, np.nan)
    week = np.concatenate([2 * day, np.tile(day, 4), np.full(2 * DAY, np.nan)])
    said = say(two_stage, panel(np.tile(week, 8), WORK), 2 * DAY)[0]
    assert said[12] == pytest.approx(20, rel=0.1)
    assert said[DAY + 12] == pytest.approx(10, rel=0.1)


def test_rain_to_come_lifts_the_river() -> None:
    """A river that empties by 2 % an hour and takes up a tenth of the rain; a downpour is announced for the third hour."""
    rng = np.random.default_rng(0)
    rain = np.where(rng.random(63 * DAY) < 0.03, rng.gamma(2.0, 3.0, 63 * DAY), 0.0)
    rain[60 * DAY :] = 0
    flow = np.full(60 * DAY, 5.0)
    for t in range(1, len(flow)):
        flow[t] = flow[t - 1] * 0.98 * np.exp(0.02 * rain[t]) + 0.05
    dry = say(arx, panel(flow, covariates=rain[None, None]))[0]
    rain[60 * DAY + 2] = 30
    wet = say(arx, panel(flow, covariates=rain[None, None]))[0]
    assert wet[:2] == pytest.approx(dry[:2])
    assert wet[12] > 1.2 * dry[12]


def test_rain_that_was_not_known_ahead_is_not_looked_at() -> None:
    """What a trial says at an origin of the past is the same, whatever fell after it."""
    rng = np.random.default_rng(2)
    rain = np.where(rng.random(30 * DAY) < 0.05, 8.0, 0.0)
    flow = 1 + np.convolve(rain, 0.8 ** np.arange(48))[: 30 * DAY]
    origin = 25 * DAY
    dry_after, wet_after = rain.copy(), rain.copy()
    dry_after[origin:], wet_after[origin:] = 0.0, 9.0
    said = []
    for told in (dry_after, wet_after):
        whole = replace(panel(flow, covariates=told[None, None]), is_known_ahead=False)
        fitted = arx.fit(whole.until(origin), Ask(DAY))
        said.append(fitted.paths(whole, np.array([origin]), DAY)[0, 0])
    assert np.isfinite(said[0]).all()
    np.testing.assert_array_equal(*said)


def test_hours_without_anybody_are_idle_on_their_kind_of_day() -> None:
    """Nine to five on working days: nights and weekends are idle but for an hour beside a busy one, whatever is busy once."""
    hour = np.arange(28 * DAY) % DAY
    values = np.where((hour >= 9) & (hour < 17) & (np.arange(28 * DAY) // DAY % 7 < 5), 5.0, 0.0)
    found = idle(panel(values), 30 * DAY)[0].reshape(30, DAY)
    assert np.flatnonzero(~found[28]).tolist() == list(range(8, 18))
    assert found[26].all(), "a Saturday"
    values[5 * DAY + 12] = 1.0
    assert np.flatnonzero(~idle(panel(values), 28 * DAY)[0].reshape(28, DAY)[26]).tolist() == [11, 12, 13]
    assert not idle(panel(values[: 14 * DAY]), 14 * DAY).any(), "two days of a kind say nothing yet"


def test_a_morning_is_believed_as_far_as_mornings_have_told_of_their_days() -> None:
    """Twice as much by noon: where days keep what their mornings promise it counts, where they do not it hardly does."""
    rng = np.random.default_rng(3)
    busy = rng.uniform(0.6, 1.4, 21)
    expected = np.ones((2, 21 * DAY + 12))
    came = expected.copy()
    by_day = came[:, : 21 * DAY].reshape(2, 21, DAY)
    by_day[0] *= busy[:, None]
    by_day[1, :, :12] *= busy[:, None]
    came[:, 21 * DAY :] = 2.0
    keeps, forgets = so_far(panel(came), 21 * DAY + 12, expected)
    assert keeps > 1.6
    assert forgets < 1.3


def test_counts_that_never_come_at_some_hours_do_not_confuse_the_regression() -> None:
    known = panel(np.where(np.arange(35 * DAY) % DAY < 9, 0.0, 20.0 + np.arange(35 * DAY) % 3))
    said = say(poisson_glm, known)[0]
    np.testing.assert_allclose(said[:9], 0.0, atol=1e-6)
    np.testing.assert_allclose(said[9:], 21, atol=2)
