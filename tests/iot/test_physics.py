"""What devices read: formulas by hand, causes and their effects, and the same city for the same seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.sensors import PROPERTIES, SensorKind
from gis_data.city import City
from iot.plane import distance_m, metres_from, moved
from iot.scenarios import Downpour, Plume, Scene, demonstration, spread_m
from iot.simulated.devices import Device, deploy
from iot.simulated.instruments import Instruments, frozen
from iot.simulated.noise import traffic_noise_db
from iot.simulated.water import STREAM, runoff_m
from iot.simulated.weather import Weather

MONDAY_8_S = 1_772_409_600.0
"""Monday 2 March 2026, 08:00 in Shanghai."""

SEED = 7


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(SEED, ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def instruments(paper_city: City, weather: Weather) -> Instruments:
    return Instruments(deploy(paper_city, SEED), weather)


def read(
    instruments: Instruments, kind: SensorKind, name: str, times: Sequence[float] | np.ndarray, scenes: Sequence[Scene] = ()
) -> np.ndarray:
    return instruments.values(kind, np.asarray(times, dtype=float), scenes)[name]


def test_metres_on_the_plane() -> None:
    assert distance_m(123.4, 30.2, 123.4, 31.2) == pytest.approx(111_195, abs=1)  # one degree of latitude
    east, north = metres_from(123.5, 30.2, 123.4, 30.2)
    assert float(east) == pytest.approx(9_610, abs=5)  # 11,119.5 m × cos 30.2°
    assert float(north) == 0
    assert moved(123.4, 30.2, float(east), 0)[0] == pytest.approx(123.5)


def test_road_noise_by_hand() -> None:
    # CRTN: 1,000 vehicles an hour at 75 km/h: 42.2 + 30, and no correction at that speed.
    assert float(traffic_noise_db(1_000, 75.0)) == pytest.approx(72.2, abs=0.02)
    # Twice the traffic is 3 dB more.
    assert float(traffic_noise_db(2_000, 75.0) - traffic_noise_db(1_000, 75.0)) == pytest.approx(3.01, abs=0.01)


def test_smoke_on_the_axis_of_a_long_fire_is_that_of_a_steady_plume() -> None:
    # 700 m downwind in 3 m/s: C = Q ÷ (π u σy σz) with σy = 99.0 m and σz = 89.1 m.
    wind, at_m, grams = 3.0, 700.0, 10.0
    sigma_y, sigma_z = spread_m(at_m)
    assert (float(sigma_y), float(sigma_z)) == pytest.approx((99.0, 89.1), abs=0.1)
    steady = 1e6 * grams / (math.pi * wind * 99.0 * 89.1)
    long_fire = Plume(0, 4_000, grams, 123.4, 30.2, wind, 0.0)
    station = moved(123.4, 30.2, at_m, 0)
    when = 2_000 + at_m / wind  # what was released at the height of the fire
    assert float(long_fire.pm25_ug_m3(*station, when)) == pytest.approx(steady, rel=0.08)
    upwind = moved(123.4, 30.2, -at_m, 0)
    assert float(long_fire.pm25_ug_m3(*upwind, when)) < 0.01


def test_rain_raises_a_stream_by_its_millimetres_and_the_rise_dies_away() -> None:
    # 12 mm within the newest five minutes: 0.045 m per mm.
    past = np.zeros(STREAM.n_lags)
    past[0] = 12 * 3600 / STREAM.step_s
    assert float(runoff_m(STREAM, past)) == pytest.approx(0.54)
    # The same rain one time constant (72 minutes = 14.4 steps) ago: a share 1/e is left.
    later = np.roll(past, 14)
    assert float(runoff_m(STREAM, later)) == pytest.approx(0.54 * math.exp(-14 / 14.4), rel=1e-6)


def test_every_reading_of_a_year_is_within_the_limits_that_the_births_announce(instruments: Instruments) -> None:
    times = np.arange(MONDAY_8_S, MONDAY_8_S + 365 * 86_400, 3_600 * 7.3)
    assert len(instruments.kinds) == 6
    for kind in instruments.kinds:
        for name, values in instruments.values(kind, times).items():
            capacities = [device.traits.get("capacity", PROPERTIES[name].high) for device in instruments.devices(kind)]
            assert (values >= PROPERTIES[name].low).all(), name
            assert (values <= np.array(capacities)[:, None]).all(), name


def test_rush_hour_is_slower_denser_and_louder_than_the_night(instruments: Instruments) -> None:
    night, rush = [MONDAY_8_S - 5 * 3600], [MONDAY_8_S + 900]
    for name, kind, is_higher in (
        ("averageVehicleSpeed", SensorKind.TRAFFIC_FLOW, False), ("occupancy", SensorKind.TRAFFIC_FLOW, True),
        ("noiseLevel", SensorKind.NOISE, True), ("no2", SensorKind.AIR_QUALITY, True),
    ):  # fmt: skip
        difference = read(instruments, kind, name, rush).mean() - read(instruments, kind, name, night).mean()
        assert (difference > 0) == is_higher, name


def test_occupancy_is_density_times_the_length_covered(instruments: Instruments) -> None:
    kind = SensorKind.TRAFFIC_FLOW
    arterial = [
        k for k, device in enumerate(instruments.devices(kind)) if "/arterial/" in device.device_id and not device.is_stuck
    ]
    values = instruments.values(kind, [MONDAY_8_S], which=arterial)
    by_hand = values["intensity"] / 3 / values["averageVehicleSpeed"] * 0.0065  # three lanes; 6.5 m of vehicle and loop
    assert values["occupancy"] == pytest.approx(by_hand, abs=0.001)


def test_weekends_differ_from_working_days(instruments: Instruments) -> None:
    monday = read(instruments, SensorKind.PARKING, "availableSpotNumber", [MONDAY_8_S + 2 * 3600])
    saturday = read(instruments, SensorKind.PARKING, "availableSpotNumber", [MONDAY_8_S + 2 * 3600 + 5 * 86_400])
    assert saturday.mean() > 1.3 * monday.mean()


def test_a_fire_is_smelt_downwind_for_a_while_and_then_no_more(instruments: Instruments, weather: Weather) -> None:
    stations = instruments.devices(SensorKind.AIR_QUALITY)
    scenes = demonstration([(s.lon, s.lat) for s in stations], weather, seed=SEED, started_s=MONDAY_8_S, until_s=MONDAY_8_S + 600)
    (plume,) = (scene for scene in scenes if isinstance(scene, Plume))
    times = np.arange(MONDAY_8_S, MONDAY_8_S + 1_500, 30)
    added = read(instruments, SensorKind.AIR_QUALITY, "pm25", times, scenes) - read(
        instruments, SensorKind.AIR_QUALITY, "pm25", times
    )
    target = added[SEED % len(stations)]
    assert 120 < target.max() < 200
    assert np.abs(np.diff(target)).max() < 60  # no jump: it rises over minutes
    arrival_s = float(times[target > 20][0]) - plume.start_s
    assert 0.5 * 700 / plume.wind_m_s < arrival_s < 2 * 700 / plume.wind_m_s + 120
    assert target[-1] < 1
    assert not added[:, times < plume.start_s].any()


def test_a_downpour_wets_slows_and_fills_where_it_rains(instruments: Instruments) -> None:
    over = instruments.devices(SensorKind.WEATHER)[0]
    rain = Downpour(MONDAY_8_S, 2_100, 70.0, 2_500.0, over.lon, over.lat, 0.0, 0.0)
    middle, later = [MONDAY_8_S + 1_050], [MONDAY_8_S + 2_100]
    rainfall = read(instruments, SensorKind.WEATHER, "precipitation", later, [rain])
    # 70 mm/h × 35 min × ½ (the mean of sin²) = 20.4 mm in the hour.
    assert rainfall[0, 0] - read(instruments, SensorKind.WEATHER, "precipitation", later)[0, 0] == pytest.approx(20.4, abs=0.3)
    loops = instruments.devices(SensorKind.TRAFFIC_FLOW)
    near = int(np.argmin([float(distance_m(loop.lon, loop.lat, over.lon, over.lat)) for loop in loops]))
    dry, wet = (read(instruments, SensorKind.TRAFFIC_FLOW, "averageVehicleSpeed", middle, s)[near, 0] for s in ((), (rain,)))
    assert 0.8 < wet / dry < 0.9


def test_rain_over_the_city_raises_the_river_and_cleans_the_air(instruments: Instruments, weather: Weather) -> None:
    times = np.arange(MONDAY_8_S, MONDAY_8_S + 90 * 86_400, 1_800)
    wettest = times[int(np.argmax(weather.spell_mm_h(times)))]
    dry = next(t for t in times if not weather.spell_mm_h(np.arange(t - 86_400, t + 1, 900)).any())
    lags = np.arange(96) * 900.0
    rise = [float((0.018 * np.exp(-lags / 18_000) * 0.25) @ weather.spell_mm_h(t - lags)) for t in (wettest, dry)]
    assert rise[0] > 0.05
    assert rise[1] == 0


def test_a_stuck_sensor_repeats_itself_on_odd_days_only(instruments: Instruments) -> None:
    kind = SensorKind.TRAFFIC_FLOW
    stuck = [k for k, device in enumerate(instruments.devices(kind)) if device.is_stuck]
    assert len(stuck) == 1
    day = MONDAY_8_S // 86_400
    odd = (day + (day % 2 == 0)) * 86_400
    speeds = [
        instruments.values(kind, np.arange(begin, begin + 86_400, 600.0), which=stuck)["averageVehicleSpeed"][0]
        for begin in (odd, odd + 86_400)
    ]
    assert len(np.unique(speeds[0])) == 1
    assert len(np.unique(speeds[1])) > 50
    assert frozen(np.array([odd + 5.0])).tolist() == [odd]


def test_some_messages_get_lost_and_now_and_then_a_device_is_silent_for_half_an_hour(instruments: Instruments) -> None:
    lost = instruments.is_lost(SensorKind.TRAFFIC_FLOW, np.arange(MONDAY_8_S, MONDAY_8_S + 3 * 86_400, 60))
    assert 0.002 < lost.mean() < 0.012
    halves = lost.reshape(len(lost), -1, 30).all(axis=2)
    assert halves.any()


def test_one_moment_reads_the_same_alone_and_in_a_long_series(instruments: Instruments) -> None:
    times = np.arange(MONDAY_8_S, MONDAY_8_S + 3_600, 10)
    for kind in instruments.kinds:
        series, alone = instruments.values(kind, times), instruments.values(kind, times[100], which=[0])
        for name, values in alone.items():
            assert values[0, 0] == series[name][0, 100]


def test_the_same_seed_gives_the_same_city_and_another_seed_another(paper_city: City, weather: Weather) -> None:
    devices: tuple[Device, ...] = deploy(paper_city, SEED)
    assert deploy(paper_city, SEED) == devices
    assert deploy(paper_city, SEED + 1) != devices
    mine, other = (Instruments(devices, Weather(seed, weather.zone)) for seed in (SEED, SEED + 1))
    again = Instruments(devices, weather)
    now = read(mine, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S])
    assert (read(again, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S]) == now).all()
    assert (read(other, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S]) != now).any()


def test_devices_stand_in_the_district_of_their_topic(paper_city: City) -> None:
    for device in deploy(paper_city, SEED):
        district = paper_city.district_of(device.lon, device.lat)
        assert district is not None
        assert device.district_code == district.code
    gauges = [device for device in deploy(paper_city, SEED) if device.kind is SensorKind.FLOOD]
    assert gauges
    assert all(device.lat == pytest.approx(30.2175, abs=1e-6) for device in gauges)  # the bridges of row 3 to 4
