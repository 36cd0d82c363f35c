"""Waits ahead as a rule sees them: the longest of the next four hours in the newest forecast that stands, live and replayed alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerts.scope import Setting
from alerts.tracks.hall import MOST_AHEAD_MIN, in_force, worst_ahead
from alerts.tracks.reader import Stretch, read
from domain.warnings import ThresholdRule
from runtime.policy import load_policy
from storage.connection import Connection
from storage.waits import WaitForecast, write_wait_forecasts
from tests.support.scenes import COUNTER, NOW, a_device, minutes, stored

LEADS = (0, 900, 1_800)
SETTING = Setting(ZoneInfo("Asia/Shanghai"), lambda day: day.weekday() < 5)


def the_rule() -> ThresholdRule:
    policy = load_policy(Path(__file__).parents[3] / "config/city.toml")
    return next(rule for rule in policy.rules if rule.rule_id == "hall_wait_ahead")


def issued(minute: float, *p90_min: float, basis: str = "simulation") -> WaitForecast:
    p90 = tuple(60.0 * value for value in p90_min)
    nothing = (0.0,) * len(LEADS)
    at = NOW + minutes(minute)
    return WaitForecast("hall-1", "", at, at, basis, LEADS, nothing, nothing, p90, nothing, nothing, nothing, p90)


def test_the_longest_wait_of_a_forecast_is_its_value() -> None:
    values, places = worst_ahead([(600, 5_400, 1_200), (float("nan"), 60, float("inf")), (float("nan"),) * 3])
    assert values[:2].tolist() == [90, MOST_AHEAD_MIN]
    assert np.isnan(values[2])
    assert places.tolist() == [1, 2, 0]


def test_a_forecast_stands_for_a_quarter_of_an_hour() -> None:
    found = in_force(np.array([0.0, 300.0]), np.array([10.0, 80.0]), np.array([-1.0, 0.0, 299.0, 300.0, 1_200.0, 1_201.0]))
    assert found[1:5].tolist() == [10, 10, 80, 80]
    assert np.isnan(found[[0, 5]]).all()


def test_the_rule_sees_what_was_issued_and_says_how_far_ahead_it_lies(conn: Connection) -> None:
    """Issued at nine with 40 minutes at most and at five past with 95 in half an hour: the level is blue from then on; once the
    hall has closed it is 0, and unknown after a forecast that says another reason."""
    queue = a_device(
        COUNTER, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=(("name_zh", "东厅"),)
    )
    stored(conn, queue)
    write_wait_forecasts(conn, [issued(0, 10, 20, 40), issued(5, 20, 60, 95), issued(30, *[float("nan")] * 3, basis="closed")])
    rule, now = the_rule(), NOW + minutes(12)
    (whole,) = read(conn, rule, Stretch(NOW, now, now), SETTING)
    assert whole.values.tolist() == pytest.approx([40] * 4 + [95] * 7)
    evidence = whole.watched.evidence
    assert (whole.watched.object_id, whole.watched.zh, evidence["lead_s"]) == ("hall/hall-1", "东厅", 1_800)
    assert evidence["peak_at"] == (NOW + timedelta(minutes=35)).isoformat()
    parts = [read(conn, rule, Stretch(NOW + minutes(k), NOW + minutes(k + 3), now, is_live=True), SETTING) for k in (0, 3, 6, 9)]
    pieces = [track.values for part in parts for track in part]
    assert np.concatenate(pieces).tolist() == whole.values.tolist(), "a replay sees what the day itself saw"
    levels = {threshold.level.value: threshold.raise_at for threshold in rule.thresholds}
    assert levels["blue"] <= 95 < levels["yellow"]
    write_wait_forecasts(conn, [issued(60, *[float("nan")] * 3, basis="too_many")])
    later = NOW + minutes(70)
    (after,) = read(conn, rule, Stretch(NOW + minutes(19), later, later), SETTING)
    assert np.nan_to_num(after.values, nan=-1).tolist() == [95] + [-1] * 9 + [0] * 16 + [-1] * 24
