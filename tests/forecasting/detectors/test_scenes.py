"""What detectors say of scenes one can picture: one sensor, one event, one alarm with its cause."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.anomalies import Anomaly, Lane, Oddity, figure
from forecasting.anomalies import Detectors
from tests.forecasting.detectors.panels import Floats, watched

SHANGHAI = ZoneInfo("Asia/Shanghai")
START_S = 1_772_380_800.0  # Monday 2026-03-02, 00:00 in Shanghai
STEP_S = 600.0
DAY = 144


def a_sensor(n_days: float = 14, seed: int = 1) -> Floats:
    """One series: a daily wave around 50, noise of 1, in tenths."""
    rows = int(n_days * DAY)
    wave = 50 + 10 * np.sin(2 * np.pi * np.arange(rows) / DAY)
    return np.round(wave + np.random.default_rng(seed).normal(size=rows), 1)[:, None]


def times(values: Floats) -> Floats:
    return START_S + STEP_S * np.arange(len(values))


def said_of(values: Floats, **given: object) -> list[tuple[int, Anomaly]]:
    detectors = Detectors(values.shape[1], SHANGHAI, **given)  # type: ignore[arg-type]
    return watched(times(values), values, SHANGHAI, detectors)[0]


def test_an_ordinary_fortnight_is_no_event() -> None:
    assert said_of(a_sensor()) == []


def test_a_stuck_sensor_is_named_with_its_value_and_since_when() -> None:
    values = a_sensor()
    values[10 * DAY : 10 * DAY + 36] = values[10 * DAY]
    (row, anomaly), *_ = [(row, a) for row, a in said_of(values) if a.cause is Oddity.STUCK]
    assert row < 10 * DAY + 18
    assert anomaly.lane is Lane.QUALITY
    assert anomaly.since == datetime(2026, 3, 12, tzinfo=SHANGHAI)
    assert anomaly.sentence("en", SHANGHAI) == f"unchanged at {figure(values[10 * DAY, 0])} since 00:00"


def test_silence_is_told_by_the_first_reading_after_it() -> None:
    values = a_sensor()
    values[10 * DAY : 10 * DAY + 30] = np.nan
    said = said_of(values)
    assert [(row, a.cause) for row, a in said] == [(10 * DAY + 30, Oddity.SILENT)]
    assert said[0][1].sentence("en", SHANGHAI) == "nothing came for 5.17 h since 23:50, usually every 10 min"
    assert said[0][1].sentence("zh", SHANGHAI) == "自 23:50 起 5.17 小时 无数据\uff0c通常每 10 分钟 一条"


@pytest.mark.long
def test_a_counter_that_is_closed_at_night_is_not_silent_every_morning() -> None:
    values = a_sensor(21)
    hour = np.arange(len(values)) % DAY / 6
    values[(hour < 7) | (hour >= 21)] = np.nan
    assert [a.cause for row, a in said_of(values) if row > 3 * DAY] == []


def test_a_spike_is_a_jump_from_what_to_what() -> None:
    values = a_sensor()
    values[10 * DAY + 36] = 95.0
    said = said_of(values)
    assert [(row, a.lane) for row, a in said] == [(10 * DAY + 36, Lane.QUALITY)]
    assert said[0][1].cause is Oddity.JUMP
    assert dict(said[0][1].extras)["before"] == pytest.approx(values[10 * DAY + 35, 0])


def test_a_level_that_shifts_is_told_once() -> None:
    values = a_sensor()
    values[10 * DAY : 11 * DAY] += 8
    said = [row for row, _ in said_of(values)]
    assert len([row for row in said if 10 * DAY <= row < 10 * DAY + 12]) == 1


@pytest.mark.long
def test_a_slow_drift_is_found_before_it_is_as_large_as_the_daily_wave() -> None:
    values = a_sensor(21)
    drift = np.zeros(len(values))
    drift[12 * DAY : 17 * DAY] = np.linspace(0, 15, 5 * DAY)
    said = [row for row, _ in said_of(values + drift[:, None])]
    assert said
    assert said[0] >= 12 * DAY
    assert drift[said[0]] < 10


def test_a_quantity_that_is_multiplied_by_chance_may_tremble_more_when_there_is_more_of_it() -> None:
    """A level of ten to a hundred within days, and steps of a twentieth of it: rare ones of the highest days are none of the
    lowest, where the same step is four times the usual."""
    rng = np.random.default_rng(8)
    rows = 21 * DAY
    slow = np.zeros(rows)
    for k in range(1, rows):
        slow[k] = 0.997 * slow[k - 1] + 0.045 * rng.normal()
    level = 30 * np.exp(slow)
    assert [a.cause for _, a in said_of((level * (1 + 0.05 * rng.normal(size=rows)))[:, None])] == []
    low = int(np.argmin(level[14 * DAY :])) + 14 * DAY
    values = level * (1 + 0.05 * rng.normal(size=rows))
    values[low] += level.max() * 0.3
    assert [row for row, _ in said_of(values[:, None])] == [low]


@pytest.mark.long
def test_rain_may_fall() -> None:
    """Dry for a day or two, then a shower: rest is no level that rain departs from."""
    rng = np.random.default_rng(3)
    values = np.zeros((28 * DAY, 1))
    for begins in np.cumsum(rng.integers(100, 260, 20)):
        values[begins : begins + 12] = rng.gamma(1.5, 1.0, (12, 1))[: len(values[begins : begins + 12])]
    assert len(said_of(np.round(values, 1))) <= 2


def test_beyond_a_physical_limit_is_a_warning() -> None:
    values = a_sensor()
    values[10 * DAY : 10 * DAY + 3] = 79.0
    said = said_of(values, limits={0: (-np.inf, 70.0)})
    assert said[0][0] == 10 * DAY
    assert said[0][1].lane is Lane.WARNING
    assert said[0][1].sentence("en", SHANGHAI) == "79 is outside the limits −∞–70 since 00:00"


def test_at_a_physical_limit_is_none() -> None:
    values = a_sensor(4)
    assert said_of(values, limits={0: (float(values.min()), float(values.max()))}) == []


@pytest.mark.long
def test_what_a_forecast_foresaw_is_no_breach_and_what_it_did_not_is() -> None:
    """A quiet band around the truth for twelve days; then the truth leaves it by ten of its half widths."""
    values = a_sensor()
    expected = 50 + 10 * np.sin(2 * np.pi * np.arange(len(values)) / DAY)
    detectors = Detectors(1, SHANGHAI)
    said = []
    for row, now in enumerate(values):
        now = now + (20.0 if row == 12 * DAY else 0.0)
        low, high = np.array([expected[row] - 2.0]), np.array([expected[row] + 2.0])
        said += [(row, a) for a in detectors.tick(np.array([START_S + STEP_S * row]), now, low, high)]
    assert [row for row, _ in said] == [12 * DAY]


def test_a_sensor_at_odds_with_its_station_is_named_and_its_companions_are_not() -> None:
    """Three sensors that follow one hidden walk; the first leaves it by what alone would be nothing."""
    rng = np.random.default_rng(5)
    rows = 16 * DAY
    walk = np.zeros(rows)
    for k in range(1, rows):
        walk[k] = 0.98 * walk[k - 1] + rng.normal()
    values = 100 + walk[:, None] + 0.1 * rng.normal(size=(rows, 3))
    values[14 * DAY : 14 * DAY + 24, 0] -= 2.5 * np.sign(walk[14 * DAY])
    detectors = Detectors(3, SHANGHAI, stations=[[0, 1, 2]])
    said = watched(times(values), values, SHANGHAI, detectors)
    assert any(14 * DAY <= row < 14 * DAY + 24 and a.cause is Oddity.STATION for row, a in said[0])


@pytest.mark.long
def test_days_of_a_changed_clock_are_days_like_others() -> None:
    """Berlin, 29 March 2026: the wave follows local time through the short day."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 16, tzinfo=berlin)
    moments = [start.astimezone(UTC) + timedelta(minutes=10 * k) for k in range(21 * DAY)]
    hours = np.array([local.hour + local.minute / 60 for local in (moment.astimezone(berlin) for moment in moments)])
    wave = 50 + 10 * np.sin(2 * np.pi * hours / 24) + np.random.default_rng(2).normal(size=len(hours))
    said = watched(np.array([moment.timestamp() for moment in moments]), wave[:, None], berlin)
    assert said == [[]]


@pytest.mark.parametrize("n", [0.0, 3.14159, -12.5, 1234.56, 0.00012, 1.234e99, -4e20, float("inf"), float("-inf")])
def test_a_figure_is_short(n: float) -> None:
    assert len(figure(n)) <= 8
