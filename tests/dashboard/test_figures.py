"""Figures of the city, from records made by hand with numbers that can be checked in the head."""

from __future__ import annotations

import dataclasses
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures import traffic
from dashboard.figures.districts import (
    Counts,
    DistrictNow,
    PartNow,
    composite,
    counted_incidents,
    counted_requests,
    days_known,
    districts,
    ranked,
    usual_incidents,
)  # fmt: skip
from dashboard.figures.present import Hours, present
from dashboard.figures.readiness import readiness
from dashboard.figures.requests import hot_requests, poisson_tail, usual_count, usual_requests
from dashboard.figures.vitals import Vital, vitals
from domain.indices import DELIVERED, IndexPolicy
from domain.units import UnitStatus
from storage.overview import IncidentCount, ReadingNow, RequestCount, UnitNow, Waits
from storage.rollups import DistrictHour
from tests.support.scenes import NOW, minutes

EAST, WEST = "440106", "440107"
HOUR = timedelta(hours=1)


def a_value(
    prop: str, value: float | None, *, district: str = EAST, device: str = "", minutes_ago: float = 1, quality: int = 0, mode: str = "periodic",
    state: str = "online",
) -> ReadingNow:  # fmt: skip
    measured = None if value is None else NOW - minutes(minutes_ago)
    name = device or f"{district}/{prop}"
    return ReadingNow(name, district, "Anything", 300, mode, state, prop, value, None if value is None else quality, measured)


def an_hour(
    prop: str, hours_ago: int, mean: float, *, district: str = EAST, n: int = 12, high: float | None = None
) -> DistrictHour:
    """`hours_ago` counts full hours back from NOW, which is a full hour: 1 is the last one."""
    return DistrictHour(district, prop, NOW - hours_ago * HOUR, n, mean, mean, high if high is not None else mean)


def signs(*readings: ReadingNow, hours: tuple[DistrictHour, ...] = (), free: dict[str, float] | None = None) -> dict[str, Vital]:
    found = vitals(
        present(readings, NOW),
        Hours(hours, NOW),
        free or {},
        DELIVERED,
        people_before=Hours(hours, NOW),
        power_hours={},
        heard_hours={},
    )
    return {sign.key: sign for sign in found}


# the traffic index


@pytest.mark.parametrize(
    ("speed", "index"),
    [(60, 0), (50, 2), (40, 4), (60 / 1.65, 5), (60 / 1.8, 6), (60 / 2.1, 8), (25, 10), (10, 10), (80, 0), (0, 10)],
)
def test_the_traffic_index_follows_how_much_longer_a_way_takes(speed: float, index: float) -> None:
    """On roads that are free at 60 km/h: 50 takes 1.2 times as long, 40 takes 1.5, and 1.65 is half way from 1.5 to 1.8."""
    assert traffic.traffic_index(speed, 60) == pytest.approx(index)


@pytest.mark.parametrize(
    ("index", "word"),
    [(0, "smooth"), (1.99, "smooth"), (2, "basically_smooth"), (4, "light"), (6, "moderate"), (8, "severe"), (10, "severe")],
)
def test_the_five_words_of_traffic_change_at_even_numbers(index: float, word: str) -> None:
    assert traffic.band(index) == word


def test_free_flow_is_a_high_quantile_of_hourly_means() -> None:
    """Speeds 0 … 100 in steps of one: the 85th percentile of 101 equally spaced values is 85."""
    hours = [an_hour("averageVehicleSpeed", 1 + k, float(k)) for k in range(101)]
    assert traffic.free_flow_speeds(hours, 0.85) == {EAST: pytest.approx(85)}


def test_free_flow_is_not_known_from_less_than_two_days() -> None:
    assert traffic.free_flow_speeds([an_hour("averageVehicleSpeed", 1 + k, 50) for k in range(47)], 0.85) == {}
    assert traffic.free_flow_speeds([an_hour("averageVehicleSpeed", 1 + k, 50) for k in range(48)], 0.85) == {EAST: 50}


def test_the_citys_index_weighs_districts_by_their_loops() -> None:
    """One loop at 30 of 60, three at 60 of 60: mean 52.5 of 60, a ratio of 1.142857, and an index of 2 × 0.142857 ÷ 0.2."""
    assert traffic.city_index({EAST: (1, 30), WEST: (3, 60)}, {EAST: 60, WEST: 60}) == pytest.approx(1.42857, abs=1e-4)
    assert traffic.city_index({EAST: (1, 30)}, {WEST: 60}) is None


# what stands for now


def test_old_doubtful_and_silent_values_do_not_stand_for_now() -> None:
    now = present(
        [
            a_value("pm25", 1, device="a"),
            a_value("pm25", 2, device="b", minutes_ago=14),  # late: up to three intervals of five minutes
            a_value("pm25", 3, device="c", minutes_ago=16),
            a_value("pm25", 4, device="d", quality=2),
            a_value("pm25", None, device="e"),
        ],
        NOW,
    )
    assert [r.value for r in now.of("pm25")] == [1, 2]
    assert now.devices == {EAST: (2, 5)}  # a, and d: it is live, though its value is bad


def test_a_device_that_speaks_on_change_stands_by_its_last_word() -> None:
    now = present(
        [
            a_value("nh3", 0, minutes_ago=300, mode="on_change")._replace(heard=NOW - timedelta(minutes=1)),
            a_value("nh3", 0, device="w", minutes_ago=300, mode="on_change", state="online"),
            a_value("nh3", 0, device="x", mode="on_change", state="offline"),
        ],
        NOW,
    )
    assert [r.device_id for r in now.of("nh3")] == [f"{EAST}/nh3"]


# vital signs


def test_no_data_no_figure_and_no_word() -> None:
    for sign in signs().values():
        assert (sign.value, sign.band, sign.share, sign.measured, sign.n) == (None, None, None, None, 0), sign.key
        assert list(sign.hours) == [None] * 24


@pytest.mark.parametrize(
    ("mm", "word"),
    [(0, "none"), (0.1, "none"), (2.5, "light"), (2.6, "moderate"), (8, "moderate"), (16, "heavy"), (16.2, "storm")],
)
def test_rain_has_its_word(mm: float, word: str) -> None:
    assert signs(a_value("precipitation", mm))["rain"].band == f"band.rain.{word}"


@pytest.mark.parametrize(("stage", "word"), [(2.99, "normal"), (3.0, "warning"), (4.0, "guarantee")])
def test_the_river_is_the_highest_gauge_beside_its_stages(stage: float, word: str) -> None:
    river = signs(a_value("waterLevel", stage, device="g1"), a_value("waterLevel", 0.5, device="g2"))["river"]
    assert (river.value, river.band, river.n) == (stage, f"band.river.{word}", 2)
    assert river.detail["device"] == "g1"


def test_power_is_the_share_of_points_within_ten_percent_of_a_nominal_voltage() -> None:
    """10.9 and 9.1 are within 10 % of 10 kV, 0 and 13 are near nothing: two of four."""
    power = signs(*(a_value("voltage", kv, device=str(kv)) for kv in (10.9, 9.1, 0.0, 13.0)))["power"]
    assert (power.value, power.band, power.detail["out"]) == (50, "band.power.out", 2)


def test_people_are_those_of_all_counters_beside_what_is_usual() -> None:
    """Two counters with 100 each and a silent one, which counts as their mean: 300. On four earlier days that hour had 50 a counter:
    150, so that the city is twice as crowded as usual."""
    before = tuple(an_hour("peopleCount", 24 * k, 50) for k in range(1, 5))
    crowd = signs(
        a_value("peopleCount", 100, device="a"),
        a_value("peopleCount", 100, device="b"),
        a_value("peopleCount", None, device="c"),
        hours=before,
    )["crowd"]
    assert (crowd.value, crowd.detail["usual"], crowd.detail["ratio"], crowd.band) == (300, 150, 2, "band.crowd.crowded")


def test_two_earlier_days_do_not_make_a_usual_one() -> None:
    before = tuple(an_hour("peopleCount", 24 * k, 50) for k in (1, 2))
    crowd = signs(a_value("peopleCount", 100), hours=before)["crowd"]
    assert (crowd.value, crowd.band, crowd.detail["usual"]) == (100, None, None)


def test_hours_are_full_ones_oldest_first_and_weigh_readings() -> None:
    """Twelve readings of 10 and four of 30 in the last hour: (120 + 120) ÷ 16 = 15."""
    rain = signs(
        hours=(
            an_hour("precipitation", 1, 10),
            an_hour("precipitation", 1, 30, district=WEST, n=4),
            an_hour("precipitation", 24, 3),
        )
    )["rain"]
    assert rain.hours[23] == 15
    assert rain.hours[0] == 3
    assert rain.hours[1] is None


def test_the_air_of_an_hour_looks_a_day_back() -> None:
    """PM2.5 of 35 in every hour of two days is 50 throughout; the hour is the last full one."""
    hours = tuple(an_hour("pm25", k, 35) for k in range(1, 49))
    aqi = signs(a_value("pm25", 500), hours=hours)["aqi"]
    assert (aqi.value, aqi.measured, aqi.n) == (50, NOW, 1)
    assert list(aqi.hours) == [50] * 24


# the district index


def a_part(key: str, score: float | None, weight: float) -> PartNow:
    return PartNow(key, score, score, weight, 0.0, 1, NOW)


def test_the_index_is_the_mean_of_the_scores_by_weight() -> None:
    """(3 × 100 + 1 × 60) ÷ 4 = 90."""
    score, parts = composite([a_part("air", 100, 3), a_part("water", 60, 1)], 0.5)
    assert score == pytest.approx(90)
    assert [part.share for part in parts] == [0.75, 0.25]


def test_the_weight_of_a_missing_part_is_shared_out_and_said() -> None:
    """Without the part of weight 2, weights 1 and 1 share the whole: (100 + 50) ÷ 2 = 75."""
    score, parts = composite([a_part("air", 100, 1), a_part("water", 50, 1), a_part("safety", None, 2)], 0.5)
    assert score == pytest.approx(75)
    assert [part.share for part in parts] == [0.5, 0.5, 0.0]
    assert DistrictNow(EAST, 1, score, parts, {}).missing == ("safety",)


def test_with_less_than_half_of_the_weights_there_is_no_index() -> None:
    assert composite([a_part("air", 100, 1), a_part("safety", None, 2)], 0.5)[0] is None
    assert composite([a_part("safety", None, 2)], 0.0)[0] is None


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0, 100)), st.floats(0.1, 50)), min_size=1, max_size=8), st.floats(0, 50))
def test_the_index_is_bounded_its_shares_make_one_and_a_better_part_never_lowers_it(
    said: list[tuple[float | None, float]], more: float
) -> None:
    parts = [a_part(str(k), score, weight) for k, (score, weight) in enumerate(said)]
    index, shared = composite(parts, 0.0)
    known = [score for score, _ in said if score is not None]
    if not known:
        assert index is None
        return
    assert index is not None
    assert min(known) - 1e-9 <= index <= max(known) + 1e-9
    assert math.isclose(sum(part.share for part in shared), 1)
    k = next(k for k, (score, _) in enumerate(said) if score is not None)
    better = [a_part(p.key, min(100.0, (p.score or 0) + more), p.weight) if j == k else p for j, p in enumerate(parts)]
    assert (composite(better, 0.0)[0] or 0) >= index - 1e-9


def test_equal_districts_share_a_rank_and_those_without_an_index_come_last() -> None:
    found = ranked(
        [DistrictNow(code, None, score, (), {}) for code, score in (("a", 70.0), ("b", None), ("c", 90.0), ("d", 70.0))]
    )
    assert [(d.code, d.rank) for d in found] == [("c", 1), ("a", 2), ("d", 2), ("b", None)]


def test_grades_weigh_and_few_cases_do_not_swing_the_ratio() -> None:
    """Usual over four days: 4 ordinary ones, 1 point a day. Today one of grade II, 10 points: (10 + 5) ÷ (1 + 5) = 2.5."""
    usual = usual_incidents([IncidentCount(EAST, k, "IV", 1) for k in range(1, 5)], 4, DELIVERED.grade_points)
    counts = counted_incidents([IncidentCount(EAST, 0, "II", 1)], usual, DELIVERED.grade_points)
    assert counts.ratio(EAST, 5) == pytest.approx(2.5)
    assert counts.ratio(WEST, 5) == 1  # nothing now, nothing usually
    assert counts.n == {EAST: 1}


def test_what_was_not_answered_is_not_a_quiet_day() -> None:
    assert counted_incidents(None, {EAST: 9.0}, {}).ratio(EAST, 5) is None
    assert counted_requests(None, {("noise", EAST): 9.0}).ratio(EAST, 5) is None


@pytest.mark.parametrize(("days", "known"), [(1.5, 0), (2, 1), (4.9, 3), (60, 28)])
def test_earlier_days_count_only_where_they_lie_wholly_within_what_is_stored(days: float, known: int) -> None:
    """Of two days stored, one is the last 24 hours, and one lies before it."""
    assert days_known(NOW - timedelta(days=days), NOW, 28) == known
    assert days_known(None, NOW, 28) == 0


def test_a_district_has_its_parts_with_count_and_time_and_its_metrics() -> None:
    """Speed 40 of 60: index 4, score 75. Stage 1.8 of 3.0: ratio 0.6, score 90. Half of the devices live: 50 %, half way from 0 to 80:
    25. Waits of 15 minutes: 80. Air, safety and requests are missing: (20 × 75 + 15 × 90 + 15 × 80 + 10 × 25) ÷ 60 = 71.67."""
    now = present(
        [
            a_value("averageVehicleSpeed", 40),
            a_value("waterLevel", 1.8),
            a_value("noiseLevel", 50, minutes_ago=90),
            a_value("so2", None),
        ],
        NOW,
    )
    nothing = Counts({}, None, {})
    (found,) = districts(
        now, Hours([], NOW), {EAST: 60.0}, DELIVERED, incidents=nothing, requests=nothing, waits_hour=[],
        waits_day=[Waits(EAST, 30, 300, 900, NOW)], units_ready={},
    )  # fmt: skip
    assert found.score == pytest.approx((20 * 75 + 15 * 90 + 15 * 80 + 10 * 25) / 60)
    assert found.missing == ("air", "safety", "requests")
    speed = next(part for part in found.parts if part.key == "traffic")
    assert (speed.value, speed.score, speed.n, speed.measured) == (pytest.approx(4), pytest.approx(75), 1, NOW - minutes(1))
    assert sum(part.share for part in found.parts) == pytest.approx(1)
    assert (found.metrics["traffic_index"], found.metrics["devices_fresh_share"], found.metrics["aqi"]) == (
        pytest.approx(4),
        0.5,
        None,
    )


def test_a_part_of_weight_nought_is_no_part() -> None:
    parts = dataclasses.replace(DELIVERED.parts, air=dataclasses.replace(DELIVERED.parts.air, weight=0))
    nothing = Counts({}, None, {})
    (found,) = districts(
        present([], NOW), Hours([], NOW), {}, IndexPolicy(parts), incidents=nothing, requests=nothing, waits_hour=[], waits_day=[],
        units_ready={}, codes=[EAST],
    )  # fmt: skip
    assert "air" not in {part.key for part in found.parts}
    assert (found.score, found.rank) == (None, None)


# units and requests


def test_every_unit_is_ready_out_working_or_off() -> None:
    said = [UnitNow("ambulance", EAST, status, NOW) for status in UnitStatus] + [
        UnitNow("police", WEST, UnitStatus.AVAILABLE, NOW - HOUR)
    ]
    found = readiness(said)
    ambulances = found.kinds[0]
    assert (ambulances.kind, ambulances.ready, ambulances.out, ambulances.working, ambulances.off, ambulances.total) == (
        "ambulance",
        1,
        3,
        3,
        1,
        8,
    )
    assert found.ready_by_district == ((EAST, 1), (WEST, 1))
    assert found.measured == NOW
    assert readiness([]).kinds == ()


@pytest.mark.parametrize(
    ("n", "mean", "tail"),
    [
        (0, 2.0, 1.0),
        (1, 2.0, 1 - math.exp(-2)),
        (2, 2.0, 1 - 3 * math.exp(-2)),  # less P(0) = e⁻² and P(1) = 2 e⁻²
        (3, 1.0, 1 - 2.5 * math.exp(-1)),  # less e⁻¹ (1 + 1 + ½)
    ],
)
def test_the_poisson_tail_is_what_the_sum_says(n: int, mean: float, tail: float) -> None:
    assert poisson_tail(n, mean) == pytest.approx(tail)


@given(st.integers(0, 400), st.floats(0.01, 300))
def test_the_poisson_tail_falls_with_the_count(n: int, mean: float) -> None:
    assert 0 <= poisson_tail(n + 1, mean) <= poisson_tail(n, mean) + 1e-12 <= 1 + 2e-12


def test_hot_is_what_chance_hardly_brings_least_probable_first() -> None:
    before = [RequestCount(EAST, "noise", k, 2) for k in range(1, 8)] + [RequestCount(WEST, "noise", k, 20) for k in range(1, 8)]
    usual = usual_requests(before, 7)
    assert usual == {("noise", EAST): pytest.approx(2), ("noise", WEST): pytest.approx(20)}
    day = [
        RequestCount(EAST, "noise", 0, 12),
        RequestCount(WEST, "noise", 0, 24),
        RequestCount(EAST, "odour", 0, 6),
        RequestCount(WEST, "odour", 0, 4),
    ]
    hot = hot_requests(day, usual, 7, least=5, tail=0.001)
    assert [(h.request_class, h.district_code, h.n, h.usual) for h in hot] == [
        ("odour", EAST, 6, 0.0),
        ("noise", EAST, 12, pytest.approx(2)),
    ]
    assert hot[0].tail < hot[1].tail < 0.001


def test_nothing_is_usual_before_three_days_are_known() -> None:
    assert usual_requests([RequestCount(EAST, "noise", 1, 2)], 2) is None
    assert usual_count([10, 20, 30], 2) is None
    assert usual_count([10, 20, 30, 0, 0], 3) == 20
