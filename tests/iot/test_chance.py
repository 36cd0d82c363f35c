"""Chance and rhythm: numbers that depend on seed, place and time alone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iot.simulated.chance import drift, key, normal, uniform
from iot.simulated.rhythm import LITTER, TRAFFIC, Profile, local_time


def test_the_generator_is_splitmix64() -> None:
    """First outputs of SplitMix64 seeded with 0, as published with its reference code, as shares of 2⁶⁴."""
    published = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], dtype=np.uint64)
    assert uniform(0, np.arange(3)) == pytest.approx((published >> np.uint64(11)) * 2.0**-53, abs=1e-15)


@given(counter=st.integers(-(10**12), 10**12), other=st.integers(-(10**12), 10**12))
def test_any_moment_can_be_asked_in_any_order(counter: int, other: int) -> None:
    alone = uniform(key("a"), counter)
    assert uniform(key("a"), np.array([other, counter]))[1] == alone
    assert 0 < alone < 1


def test_keys_are_the_same_on_every_machine_and_do_not_run_together() -> None:
    assert key(20, "air-1") == 0xFA8C9DDD1A7E39C2
    assert key("ab", "c") != key("a", "bc")


def test_uniform_and_normal_numbers_have_the_moments_they_should() -> None:
    n = np.arange(200_000)
    assert uniform(key("u"), n).mean() == pytest.approx(0.5, abs=0.003)
    assert uniform(key("u"), n).var() == pytest.approx(1 / 12, abs=0.001)
    assert normal(key("n"), n).std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(uniform(key("a"), n), uniform(key("b"), n))[0, 1] == pytest.approx(0, abs=0.01)


def test_a_drift_is_smooth_has_variance_one_everywhere_and_forgets() -> None:
    times = np.arange(0, 4_000_000, 50.0)
    course = drift(key("d"), times, 600.0)
    assert np.diff(course).std() < 0.2  # a twelfth of the span
    phase = (times % 600) / 50
    for share in (0, 3, 6):
        assert course[phase == share].std() == pytest.approx(1, abs=0.05)
    assert np.corrcoef(course[:-24], course[24:])[0, 1] == pytest.approx(0, abs=0.05)  # two spans later


def test_local_time_follows_the_zone_through_summer_time() -> None:
    moments = [
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
    ]
    local = local_time([moment.timestamp() for moment in moments], ZoneInfo("Europe/Berlin"))
    assert local.hour.tolist() == [1.5, 3.5, 0.5]
    assert local.weekday.tolist() == [6, 6, 4]  # Sunday, and Friday 1 January 2027
    assert local.day_of_year[2] == pytest.approx(0.5 / 24)


def test_a_profile_is_its_table_at_full_hours_and_straight_between() -> None:
    monday = [datetime(2026, 3, 2, 0, minute, tzinfo=UTC).timestamp() for minute in (0, 30)]
    assert TRAFFIC.at(local_time(monday, ZoneInfo("Asia/Shanghai"))).tolist() == pytest.approx([0.98, 0.89])  # 8:00 and 8:30
    saturday = datetime(2026, 3, 7, 0, tzinfo=UTC).timestamp()
    assert TRAFFIC.at(local_time(saturday, ZoneInfo("Asia/Shanghai"))) == pytest.approx(0.46)


def test_a_course_is_the_same_alone_and_in_a_long_series_for_one_key_or_many() -> None:
    keys = np.array([[key("a")], [key("b")]], dtype=np.uint64)
    times = np.arange(1_000_000, 1_010_000, 7.0)
    series = drift(keys, times, 600.0)
    own = np.stack([times, times + 3])
    assert (drift(key("a"), times, 600.0) == series[0]).all()
    assert drift(key("b"), times[800], 600.0) == series[1, 800]
    assert (drift(keys, own, 600.0)[0] == series[0]).all()
    assert drift(keys, own, 600.0)[1, 5] == drift(key("b"), times[5] + 3, 600.0)


def test_a_weekend_day_that_is_worked_has_the_profile_of_a_working_day_and_a_holiday_its_own() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    # A Saturday that is worked, a Friday, a Saturday, new year's day, each at eight.
    eight = [datetime(2026, 2, day, 0, tzinfo=UTC).timestamp() for day in (14, 13, 7, 17)]
    worked, friday, saturday, new_year = TRAFFIC.at(local_time(eight, zone)).tolist()
    assert worked == friday == pytest.approx(0.98)
    assert saturday == pytest.approx(0.46)
    assert new_year == pytest.approx(0.38)


def test_a_profile_runs_straight_over_midnight_into_the_next_kind_of_day() -> None:
    flat = Profile((10,) * 24, (30,) * 24)
    friday_2330 = datetime(2026, 3, 6, 15, 30, tzinfo=UTC).timestamp()
    assert float(flat.at(local_time(friday_2330, ZoneInfo("Asia/Shanghai")))) == pytest.approx(0.20)


def test_what_a_profile_gathers_is_the_area_below_it() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    flat = Profile((50,) * 24, (50,) * 24)
    now = local_time([datetime(2026, 3, 4, 4, 0, tzinfo=UTC).timestamp()], zone)  # noon of Wednesday
    assert float(flat.gathered_h(now.day - 2, np.array([6.0]), now, zone)[0]) == pytest.approx((18 + 24 + 12) / 2)
    # The same by small steps.
    steps = local_time(now.day[0] * 86_400 - 8 * 3600 + np.arange(6 * 3600, 12 * 3600, 60) + 30, zone)
    gathered = float(LITTER.gathered_h(now.day, np.array([6.0]), now, zone)[0])
    assert gathered == pytest.approx(LITTER.at(steps).sum() / 60, rel=1e-4)
