"""What rules look at, with numbers one can check in the head."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.exceedance import exceedance, outlook
from alerts.rules import is_beyond
from alerts.scope import Setting, are_within, judged
from alerts.tracks.anomalies import gravest
from alerts.tracks.combination import Stand, combined
from alerts.tracks.events import happened
from alerts.tracks.forecasts import foreseen
from alerts.tracks.hall import longest_wait_min, people_waiting, wait_p90_min, waits
from alerts.tracks.silence import listened, silent_intervals
from alerts.tracks.track import grid
from domain.forecasts import Forecast
from domain.halls import HallEventKind
from domain.rules import Days, Hours
from domain.warnings import LevelThreshold, ThresholdRule, WarningLevel, WarningSource
from tests.support.halls import a_visit, said
from tests.support.scenes import NOW, a_rule

SHANGHAI = ZoneInfo("Asia/Shanghai")
NINE_S = NOW.timestamp()


def minute(*n: float) -> np.ndarray:  # type: ignore[type-arg]
    return NINE_S + 60 * np.array(n, float)


def test_a_grid_holds_the_full_periods_after_its_start() -> None:
    assert grid(60, 180, 60).tolist() == [120, 180]
    assert grid(61, 179, 60).tolist() == [120]
    assert grid(60, 60, 60).tolist() == []


def test_a_device_is_silent_from_its_last_word_on() -> None:
    begins, ends = np.array([0.0, 1000.0]), np.array([100.0, 2000.0])
    found = silent_intervals(begins, ends, 50, np.array([-1.0, 50, 200, 1500, 2100]))
    assert np.isnan(found[0])  # before its first word
    assert found[1:].tolist() == [0, 2, 0, 2]


def test_nobody_is_silent_while_nobody_listens() -> None:
    assert listened(np.array([0.0, 60.0]), np.array([30.0, 120, 180, 181])).tolist() == [True, True, True, False]
    assert listened(np.array([]), np.array([30.0])).tolist() == [False]


def test_people_wait_from_their_number_to_the_call() -> None:
    events = [*a_visit("A1", 0, 10, 11, 20), *a_visit("A2", 2, 20, 21, 30), said(HallEventKind.ARRIVE, 25, "A3")]
    of_hall = waits(events, SHANGHAI)
    assert people_waiting(of_hall, minute(1, 5, 15, 22, 26)).tolist() == [1, 2, 1, 0, 1]
    assert longest_wait_min(of_hall, minute(5, 15, 22, 30)).tolist() == [5, 13, 0, 5]
    assert wait_p90_min(of_hall, minute(10, 20, 75)).tolist() == pytest.approx(
        [10, 18, 18]
    )  # at 10:15 the first call is over an hour ago


def test_the_wait_of_an_empty_hall_is_none_and_that_of_one_where_nobody_is_called_is_not_told() -> None:
    of_hall = waits([said(HallEventKind.ARRIVE, 30, "A1")], SHANGHAI)
    assert wait_p90_min(of_hall, minute(0)).tolist() == [0]
    assert np.isnan(wait_p90_min(of_hall, minute(40))).all()
    assert wait_p90_min(of_hall, minute(15.1 * 60)).tolist() == [0]  # after midnight nobody waits


def test_events_count_within_the_window_from_when_they_were_known() -> None:
    at, known = np.array([0.0, 100.0]), np.array([0.0, 400.0])
    assert happened(at, known, 300, np.array([0.0, 100, 299, 300, 399, 400])).tolist() == [1, 1, 1, 0, 0, 0]
    assert happened(at, at, 300, np.array([100.0, 300, 399, 400])).tolist() == [2, 1, 1, 0]


def test_the_gravest_open_anomaly_counts() -> None:
    found = gravest(np.array([60.0, 120]), np.array([180.0, inf]), np.array([0.9, 0.5]), np.array([0.0, 60, 120, 180]))
    assert found.tolist() == [0, 0.9, 0.9, 0.5]


def test_rules_combine_within_a_district() -> None:
    stands = [Stand("rain", "1", "440106", 113.0, 23.0, 60, 240), Stand("river", "2", "440106", 113.0, 23.0, 120, inf), Stand("river", "3", "440103", 113.0, 23.0, 0, inf)]  # fmt: skip
    here, there = sorted(
        combined(("rain", "river"), stands, None, np.array([0.0, 60, 120, 240])),
        key=lambda t: t.watched.object_id != "district/440106",
    )
    assert (here.watched.object_id, here.values.tolist()) == ("district/440106", [0, 1, 2, 1])
    assert (there.watched.object_id, there.values.tolist()) == ("district/440103", [1, 1, 1, 1])


def test_rules_combine_within_metres_of_the_first_ones_objects() -> None:
    stands = [Stand("rain", "1", "a", 113.0, 23.0, 0, inf), Stand("river", "2", "b", 113.01, 23.0, 0, inf), Stand("river", "3", "b", 113.1, 23.0, 0, inf)]  # fmt: skip
    (near,) = combined(("rain", "river"), stands, 2000, np.array([60.0]))  # 0.01 degrees are about a kilometre
    assert (near.watched.object_id, near.values.tolist()) == ("near/1", [2])
    (alone,) = combined(("rain", "river"), stands, 500, np.array([60.0]))
    assert alone.values.tolist() == [1]


FAR = st.floats(1, 200)


@given(medians=st.lists(st.tuples(FAR, FAR, FAR), min_size=1, max_size=4), share=st.sampled_from([0.1, 0.35, 0.5, 0.9]), below=st.booleans(), limit=FAR)  # fmt: skip
def test_one_number_decides_as_the_probability_of_the_threshold_does(
    medians: list[tuple[float, float, float]], share: float, below: bool, limit: float
) -> None:
    rule = ThresholdRule(
        "a", 1, "pm25", "below" if below else "above", (LevelThreshold(WarningLevel.BLUE, limit, limit),), 0, 0, "x", "x", "x",
        source=WarningSource.FORECAST, min_probability=share,
    )  # fmt: skip
    q10, q50, q90 = (np.array([sorted(slot)[k] for slot in medians]) for k in range(3))
    forecast = Forecast(1, NOW, NOW, 900, tuple(q10), tuple(q50), tuple(q90), "m", "1", NOW)
    chance = float(exceedance(rule, outlook(rule, forecast, NOW), limit).max())
    (value,) = foreseen(rule, q10[None], q50[None], q90[None], np.ones((1, len(q50)), bool))
    if abs(chance - share) > 1e-9:  # where both are the same, rounding decides
        assert is_beyond(rule, float(value), limit) == (chance >= share)


def test_a_rule_sees_nothing_outside_its_hours() -> None:
    setting = Setting(SHANGHAI, lambda day: day != date(2026, 3, 3))
    hours = Hours(Days.WORKDAYS, 8 * 60 + 30, 17 * 60 + 30)
    at = np.array([(NOW + timedelta(hours=h)).timestamp() for h in (-1, 0, 8, 8.5, 24, 48)])  # NOW is Monday, nine o'clock
    assert are_within(hours, at, setting).tolist() == [False, True, True, False, False, True]
    rule = a_rule()
    seen = judged(
        ThresholdRule(**{**{f: getattr(rule, f) for f in rule.__slots__}, "hours": hours}),
        at[:3],
        np.array([9.0, 9, np.nan]),
        setting,
    )
    assert (seen[0], seen[1], np.isnan(seen[2])) == (-inf, 9, True)


def test_hours_over_midnight_belong_to_the_day_they_began_on() -> None:
    setting = Setting(UTC, lambda day: day == date(2026, 3, 2))
    night = Hours(Days.WORKDAYS, 22 * 60, 6 * 60)
    at = [datetime(2026, 3, day, hour, tzinfo=UTC).timestamp() for day, hour in ((2, 3), (2, 23), (3, 3), (3, 23))]
    assert are_within(night, np.array(at), setting).tolist() == [False, True, True, False]
