"""Scenes: courses that one can work out in the head, and ends that leave what has happened as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iot.plane import moved
from iot.scenarios import (
    Downpour,
    GasRelease,
    HallRush,
    NetworkOutage,
    Plume,
    PowerCut,
    Scene,
    TrainStandstill,
    spread_m,
    stopped,
)

MONDAY_8_S = 1_772_409_600.0
"""Monday 2 March 2026, 08:00 in Shanghai."""

SEED = 7
HERE = (123.4, 30.2)
SCENES: tuple[Scene, ...] = (
    Plume(0, 600, 10, *HERE, 3, 0),
    Downpour(0, 3_600, 60, 3_000, *HERE, 0, 0),
    GasRelease(0, 2_400, 1_000, *HERE, 3, 0),
    PowerCut(0, 1_800, *HERE, 1_000),
    TrainStandstill(0, 1_800, "1号线", (HERE,), 40),
    HallRush(0, 3_600, ("hall-001",), 3),
    NetworkOutage(0, 900, ("990101",)),
)


def felt(scene: Scene, time_s: np.ndarray) -> np.ndarray:
    """What a scene does 600 m east of its place, or to what it concerns."""
    at = moved(*HERE, 600, 0)
    match scene:
        case Plume():
            return scene.pm25_ug_m3(*at, time_s)
        case Downpour():
            return scene.rain_mm_h(*at, time_s)
        case GasRelease():
            return scene.ammonia_mg_m3(*at, time_s)
        case PowerCut():
            return scene.is_dark(*at, time_s).astype(float)
        case TrainStandstill():
            return scene.extra_people(*HERE, time_s)
        case HallRush():
            return scene.arrival_factor("hall-001", time_s) - 1
        case NetworkOutage():
            return scene.is_cut("990101", time_s).astype(float)


def test_a_leak_gives_at_first_what_a_steady_one_would_and_less_and_less() -> None:
    # The yard, 200 m wide, is as if it was a point 200 ÷ 4.3 ÷ 0.16 = 291 m upwind: 700 m downwind x = 991 m, σy = 134.2 m,
    # σz = 121.8 m, C = Q ÷ (π u σy σz) = 1,000 g/s ÷ (π · 3 m/s · 134.2 m · 121.8 m) = 6.5 mg/m³.
    leak = GasRelease(0, 40_000, 1_000, *HERE, 3.0, 0.0)  # so long that it has hardly slowed down after a quarter of an hour
    sigma_y, sigma_z = map(float, spread_m(991))
    assert (sigma_y, sigma_z) == pytest.approx((134.2, 121.8), abs=0.1)
    steady = 1e3 * 1_000 / (math.pi * 3 * sigma_y * sigma_z)
    assert steady == pytest.approx(6.5, abs=0.1)
    there = moved(*HERE, 700, 0)
    assert float(leak.ammonia_mg_m3(*there, 900)) == pytest.approx(steady, rel=0.05)
    # Half of the vessel's time later half of it comes out.
    assert float(leak.ammonia_mg_m3(*there, 20_000 + 700 / 3)) == pytest.approx(steady / 2, rel=0.05)
    assert float(leak.ammonia_mg_m3(*moved(*HERE, -700, 0), 900)) < 0.01


def test_a_leak_loses_half_of_its_first_rate_times_its_time() -> None:
    leak = GasRelease(0, 2_400, 1_000, *HERE, 3, 0)
    # What flies past a line across the wind at the ground: ∫∫ C u dy dt = m · 2 ÷ (√(2π) σz), counted twice for what the ground
    # throws back, with m = 1,000 g/s · 2,400 s ÷ 2 = 1.2 t.
    times, across = np.arange(0, 4_000, 10.0), np.arange(-600, 601, 20.0)
    lon, lat = np.array([moved(*HERE, 700, north) for north in across]).T
    passed = leak.ammonia_mg_m3(lon[:, None], lat[:, None], times).sum() * 1e-3 * 3 * 20 * 10
    assert passed == pytest.approx(1.2e6 * 2 / (math.sqrt(2 * math.pi) * 121.8), rel=0.05)


def test_it_is_dark_around_the_substation_while_the_power_is_cut() -> None:
    cut = PowerCut(100, 50, *HERE, 1_000)
    near, far = moved(*HERE, 999, 0), moved(*HERE, 0, 1_001)
    assert cut.is_dark(*near, [99, 100, 149, 150]).tolist() == [False, True, True, False]
    assert not cut.is_dark(*far, [120]).any()


def test_a_crowd_grows_to_what_comes_within_their_patience_and_is_taken_away_by_trains() -> None:
    # 40 a minute who wait 25 minutes in the mean: 1,000 in the long run, 632 after 25 minutes; 8 minutes of trains leave 1/e.
    stand = TrainStandstill(0, 1_500, "1号线", (HERE, moved(*HERE, 2_000, 0)), 40)
    assert float(stand.extra_people(*HERE, 1_500)) == pytest.approx(1_000 * (1 - 1 / math.e))
    assert float(stand.extra_people(*HERE, 1_500 + 480)) == pytest.approx(1_000 * (1 - 1 / math.e) / math.e)
    assert float(stand.extra_people(*moved(*HERE, 1_000, 0), 1_500)) == 0
    assert float(stand.extra_people(*HERE, -1)) == 0
    assert float(stand.extra_people(*HERE, stand.end_s)) < 3


def test_a_rush_grows_over_five_minutes_and_concerns_its_halls() -> None:
    rush = HallRush(0, 3_600, ("hall-001",), 3)
    assert rush.arrival_factor("hall-001", [-1, 150, 1_800, 3_450, 3_601]).tolist() == [1, 2, 3, 2, 1]
    assert rush.arrival_factor("hall-002", [1_800]).tolist() == [1]
    assert float(HallRush(0, 3_600, (), 3).arrival_factor("hall-002", 1_800)) == 3


def test_an_outage_cuts_its_districts() -> None:
    outage = NetworkOutage(0, 900, ("990101", "990103"))
    assert [bool(outage.is_cut(code, 10)) for code in ("990101", "990102", "990103")] == [True, False, True]
    assert not outage.is_cut("990101", 900)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: type(scene).__name__)
def test_a_scene_that_is_stopped_has_been_the_same_until_then_and_dies_away(scene: Scene) -> None:
    ended = stopped(scene, 601.0)
    assert ended is not None
    before, after = np.arange(0, 601, 10.0), np.arange(610, scene.end_s + 1, 30.0)
    assert felt(ended, before) == pytest.approx(felt(scene, before), rel=1e-12)
    assert felt(scene, before).any()
    assert (felt(ended, after) <= felt(scene, after)).all()
    assert ended.end_s <= scene.end_s
    # nearly nothing of a crowd that leaves is still there at the end
    assert (felt(ended, np.array([ended.end_s, ended.end_s + 600])) < 3).all()
    assert stopped(scene, 0.0) is None


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: type(scene).__name__)
def test_a_scene_says_nothing_before_its_beginning(scene: Scene) -> None:
    assert not felt(scene, np.arange(-3_600, 0, 60.0)).any()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: type(scene).__name__)
def test_a_scene_answers_many_places_and_moments_at_once(scene: Scene) -> None:
    lon, lat = (np.full((4, 1), value) for value in HERE)
    times = np.linspace(0, 2_400, 5)
    match scene:
        case Plume():
            many = scene.pm25_ug_m3(lon, lat, times)
        case Downpour():
            many = scene.rain_mm_h(lon[..., None], lat[..., None], times[:, None] - np.arange(3))
        case GasRelease():
            many = scene.ammonia_mg_m3(lon, lat, times)
        case PowerCut():
            many = scene.is_dark(lon, lat, times).astype(float)
        case TrainStandstill():
            many = scene.extra_people(lon, lat, times)
        case _:
            return
    assert many.shape == ((4, 5, 3) if isinstance(scene, Downpour) else (4, 5))
    assert many.any()


def test_rain_that_is_stopped_rains_out_within_five_minutes() -> None:
    rain = stopped(Downpour(0, 3_600, 60, 3_000, *HERE, 0, 0), 1_800)
    assert isinstance(rain, Downpour)
    # At its height, 60 mm/h, it is stopped: after two and a half minutes half is left.
    assert float(rain.rain_mm_h(*HERE, 1_800)) == pytest.approx(60)
    assert float(rain.rain_mm_h(*HERE, 1_950)) == pytest.approx(30, rel=0.03)
    assert float(rain.rain_mm_h(*HERE, 2_100)) == 0
