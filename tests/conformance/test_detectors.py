"""What every registered detector promises."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.anomalies import Anomaly, Lane, Oddity
from forecasting.anomalies import ALARM_SCORE, Detectors, Outdated
from forecasting.detectors import rhythm
from forecasting.detectors.registry import DETECTORS
from forecasting.detectors.shape import Detector, Floats, Moment

STEP_S = 600.0
DAY = 144
START_S = 1_772_380_800.0
EVERY_DETECTOR = pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.name)


def days_of_noise(n_days: float, n: int = 3, seed: int = 1) -> Floats:
    """A daily wave around 50 with noise of 1."""
    rows = int(n_days * DAY)
    wave = 50 + 10 * np.sin(2 * np.pi * np.arange(rows) / DAY)
    return wave[:, None] + np.random.default_rng(seed).normal(size=(rows, n))


def strengths(detector: Detector, values: Floats, missing: tuple[int, int] | None = None) -> Floats:
    """What one detector alone says of each row."""
    n = values.shape[1]
    known, state, nothing = rhythm.start(n), detector.start(n), np.full(n, np.nan)
    said = []
    for row, now in enumerate(values):
        if missing and missing[0] <= row < missing[1]:
            now = nothing
        times_s = np.full(n, START_S + row * STEP_S)
        with np.errstate(all="ignore"):
            moment: Moment = rhythm.look(known, times_s, 0.0, now, now - 3.0, now + 3.0)
            said.append(np.where(moment.is_here, detector.update(state, moment).strength, np.nan))
    return np.array(said)


@EVERY_DETECTOR
def test_a_strength_is_a_number_from_nought(detector: Detector) -> None:
    said = strengths(detector, days_of_noise(3))
    assert np.isfinite(said).all()
    assert (said >= 0).all()


@EVERY_DETECTOR
def test_nothing_after_a_row_is_known(detector: Detector) -> None:
    values = days_of_noise(3)
    changed = values.copy()
    changed[2 * DAY :] = -1000
    np.testing.assert_array_equal(strengths(detector, values)[: 2 * DAY], strengths(detector, changed)[: 2 * DAY])


@EVERY_DETECTOR
def test_a_series_is_judged_by_itself(detector: Detector) -> None:
    """Without companions named, what other series say changes nothing."""
    values = days_of_noise(3)
    other = values.copy()
    other[:, 1:] *= -7
    np.testing.assert_array_equal(strengths(detector, values)[:, 0], strengths(detector, other)[:, 0])


@EVERY_DETECTOR
def test_units_are_kept(detector: Detector) -> None:
    """The same noise in thousandths is as strange. (Zero, where it is known to rest, does not occur.)"""
    values = days_of_noise(3)
    np.testing.assert_allclose(strengths(detector, values * 1000), strengths(detector, values), rtol=0.02, atol=0.02)


@EVERY_DETECTOR
def test_a_gap_leaves_the_rest_judged(detector: Detector) -> None:
    said = strengths(detector, days_of_noise(3), missing=(DAY, DAY + 30))
    assert np.isnan(said[DAY : DAY + 30]).all()
    assert np.isfinite(said[DAY + 30 :]).all()


@EVERY_DETECTOR
@pytest.mark.parametrize("values", [np.full((200, 1), 7.0), np.zeros((200, 1)), np.full((3, 1), 1.5), np.full((50, 1), 1e300)])
def test_a_constant_series_is_no_event(detector: Detector, values: Floats) -> None:
    said = strengths(detector, values)
    assert np.isfinite(said).all()


@EVERY_DETECTOR
def test_a_detector_names_a_cause_with_a_lane_and_words_in_two_languages(detector: Detector) -> None:
    event = Anomaly(1, _at(600), _at(0), detector.cause, 9.7, 2.4, 4.0, 0.97, (("waited_s", 7200.0), ("interval_s", 300.0)))
    assert event.lane in Lane
    zh, en = (event.sentence(lang, UTC) for lang in ("zh", "en"))
    assert zh != en
    assert "{" not in zh + en


def test_names_are_unlike() -> None:
    assert len({d.name for d in DETECTORS}) == len(DETECTORS)
    assert {d.cause for d in DETECTORS} == set(Oddity)


def test_a_restart_in_the_middle_says_the_same_of_the_rest() -> None:
    values = days_of_noise(8, n=4)
    values[6 * DAY, 0] += 40
    values[7 * DAY :, 1] += 15
    whole, first = Detectors(4, ZoneInfo("Asia/Shanghai")), Detectors(4, ZoneInfo("Asia/Shanghai"))
    for row in range(5 * DAY):
        _tick(whole, values, row)
        _tick(first, values, row)
    second = Detectors.from_bytes(first.to_bytes(), ZoneInfo("Asia/Shanghai"))
    rest = [(_tick(whole, values, row), _tick(second, values, row)) for row in range(5 * DAY, 8 * DAY)]
    assert all(one == other for one, other in rest)
    assert any(one for one, _ in rest)


def test_what_another_version_remembers_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Detectors(2, UTC).to_bytes()
    monkeypatch.setattr("forecasting.anomalies.VERSION", 99)
    with pytest.raises(Outdated, match="expected 99"):
        Detectors.from_bytes(saved, UTC)


def test_an_alarm_has_the_score_of_an_alarm() -> None:
    values = days_of_noise(8, n=2)
    values[7 * DAY, 0] += 60
    detectors = Detectors(2, UTC, ids=[11, 12])
    said = [anomaly for row in range(len(values)) for anomaly in _tick(detectors, values, row)]
    assert [anomaly.datastream_id for anomaly in said] == [11]
    assert said[0].score >= ALARM_SCORE
    assert said[0].low < 60 < said[0].value


def _tick(detectors: Detectors, values: Floats, row: int) -> list[Anomaly]:
    return detectors.tick(np.full(values.shape[1], START_S + row * STEP_S), values[row])


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START_S + seconds, UTC)
