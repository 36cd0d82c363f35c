"""The instruments: what is read and when it is said, causes and their effects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.sensors import SensorKind
from gis_data.city import City
from iot.plane import distance_m
from iot.scenarios import Downpour, GasRelease, Plume, PowerCut, Scene, TrainStandstill
from iot.simulated.devices import SPEAKS_ON_CHANGE, deploy
from iot.simulated.faults import FaultKind
from iot.simulated.instruments import LOOKS, Instruments, Readings
from iot.simulated.weather import Weather
from tests.iot.test_physics import MONDAY_8_S, SEED

HOUR_S, DAY_S = 3_600.0, 86_400.0


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(SEED, ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def instruments(equipped_city: City, weather: Weather) -> Instruments:
    return Instruments(deploy(equipped_city, SEED), weather)


def read(
    instruments: Instruments, kind: SensorKind, name: str, times: Sequence[float] | np.ndarray, scenes: Sequence[Scene] = ()
) -> np.ndarray:
    """What sound instruments read."""
    return instruments.true_values(kind, np.asarray(times, dtype=float), scenes)[name]


def the_first(readings: Readings, k: int) -> dict[str, float]:
    row = int(np.flatnonzero(readings.device == k)[0])
    return {"time_s": readings.time_s[row]} | {name: values[row] for name, values in readings.values.items()}


# What is read --------------------------------------------------------------------------------------------------------------


def test_every_sound_reading_of_a_year_is_within_the_limits_that_the_births_announce(instruments: Instruments) -> None:
    times = np.arange(MONDAY_8_S, MONDAY_8_S + 365 * DAY_S, 7.3 * HOUR_S)
    assert len(instruments.kinds) == 14
    for kind in instruments.kinds:
        for name, values in instruments.true_values(kind, times).items():
            highest = np.array([[device.highest(name)] for device in instruments.devices(kind)])
            assert (values >= 0).all() or name == "temperature", name
            assert (values <= highest).all(), name


def test_rush_hour_is_slower_denser_louder_and_fuller_than_the_night(instruments: Instruments) -> None:
    night, rush = [MONDAY_8_S - 5 * HOUR_S], [MONDAY_8_S + 900]
    for name, kind, is_higher in (
        ("averageVehicleSpeed", SensorKind.TRAFFIC_FLOW, False), ("occupancy", SensorKind.TRAFFIC_FLOW, True),
        ("noiseLevel", SensorKind.NOISE, True),
        ("peopleCount", SensorKind.CROWD_FLOW, True), ("totalActivePower", SensorKind.POWER, True),
        ("waterFlow", SensorKind.WATER_NETWORK, True), ("waterPressure", SensorKind.WATER_NETWORK, False),
        ("powerState", SensorKind.LIGHT_CABINET, False),
    ):  # fmt: skip
        difference = read(instruments, kind, name, rush).mean() - read(instruments, kind, name, night).mean()
        assert (difference > 0) == is_higher, name


def test_weekends_and_holidays_differ_from_working_days_and_a_worked_saturday_does_not(instruments: Instruments) -> None:
    ten = MONDAY_8_S + 2 * HOUR_S
    friday, worked, new_year = ten - 17 * DAY_S, ten - 16 * DAY_S, ten - 13 * DAY_S  # 13, 14 and 17 February
    offices = [k for k, d in enumerate(instruments.devices(SensorKind.PARKING)) if d.traits["serves"] == 0]
    free = instruments.true_values(SensorKind.PARKING, [ten, ten + 5 * DAY_S, friday, worked, new_year], which=offices)
    monday, saturday, friday_free, worked_free, new_year_free = free["availableSpotNumber"].mean(axis=0)
    assert saturday > 1.5 * monday
    assert worked_free == pytest.approx(friday_free, rel=0.4)
    assert worked_free < saturday / 1.3
    assert new_year_free > saturday


def test_one_moment_reads_the_same_alone_and_in_a_long_series_and_each_device_at_its_own_time(instruments: Instruments) -> None:
    rain = [Downpour(MONDAY_8_S, 2 * HOUR_S, 80.0, 5_000.0, 123.43, 30.22, 1.0, 0.5)]
    times = MONDAY_8_S + np.arange(0, HOUR_S, 30)
    for kind in instruments.kinds:
        series, alone = instruments.values(kind, times, rain), instruments.values(kind, times[100], rain, which=[0])
        n = len(instruments.devices(kind))
        own = instruments.values(kind, np.where(np.arange(n)[:, None] == 0, times[100:101], times[5:6]), rain)
        for name, values in alone.items():
            assert values[0, 0] == series[name][0, 100] == own[name][0, 0], name
            assert (own[name][1:, 0] == series[name][1:, 5]).all(), name


def test_another_seed_is_another_city_of_the_same_kind(instruments: Instruments, equipped_city: City, weather: Weather) -> None:
    devices = deploy(equipped_city, SEED)
    other = Instruments(devices, Weather(SEED + 1, weather.zone))
    again = Instruments(devices, weather)
    now = read(instruments, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S])
    assert (read(again, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S]) == now).all()
    assert (read(other, SensorKind.AIR_QUALITY, "pm25", [MONDAY_8_S]) != now).any()


def test_what_devices_say_is_true_but_for_the_faults_that_the_oracle_knows(instruments: Instruments) -> None:
    times = MONDAY_8_S + np.arange(0, 56 * DAY_S, 4 * HOUR_S)
    kinds_seen: set[FaultKind] = set()
    for kind in (SensorKind.LIGHT_CABINET, SensorKind.TRAFFIC_FLOW, SensorKind.NOISE, SensorKind.WASTE):
        said, true = instruments.values(kind, times), instruments.true_values(kind, times)
        is_wrong = np.any([said[name] != true[name] for name in true], axis=0)
        for k in range(len(is_wrong)):
            for at_s, wrong in zip(times.tolist(), is_wrong[k].tolist(), strict=True):
                fault = instruments.find_fault(kind, k, at_s)
                assert fault is not None or not wrong
                if fault is not None and wrong:
                    kinds_seen.add(fault.kind)
    assert FaultKind.STUCK in kinds_seen
    assert len(kinds_seen) >= 3


# When it is said -----------------------------------------------------------------------------------------------------------


def test_a_periodic_device_speaks_at_its_beat(instruments: Instruments) -> None:
    said = instruments.between(SensorKind.NOISE, MONDAY_8_S, MONDAY_8_S + DAY_S)
    assert (np.diff(said.time_s) >= 0).all()
    for k in range(len(instruments.devices(SensorKind.NOISE))):
        own = said.time_s[said.device == k]
        assert len(set((own % 300).tolist())) == 1
        assert 0.9 * 288 < len(own) <= 288


@pytest.mark.parametrize("kind", [SensorKind.NOISE, SensorKind.TRAFFIC_FLOW, *SPEAKS_ON_CHANGE])
def test_what_is_said_does_not_depend_on_how_time_is_cut(instruments: Instruments, kind: SensorKind) -> None:
    scenes = [
        Downpour(MONDAY_8_S, HOUR_S, 80.0, 5_000.0, 123.43, 30.22, 1.0, 0.5),
        PowerCut(MONDAY_8_S + 600, 1_200, 123.425, 30.215, 1_500.0),
        GasRelease(MONDAY_8_S + 300, 600, 500.0, 123.46, 30.23, 3.0, 1.0),
    ]
    edges = MONDAY_8_S + np.array([0, 1, 2, 60, 61, 200, 301, 1_000, 3_600, 3_600.5, 4_200])
    parts = [instruments.between(kind, a, b, scenes) for a, b in pairwise(edges.tolist())]
    whole = instruments.between(kind, edges[0], edges[-1], scenes)
    assert len(whole.time_s) > 20
    assert np.concatenate([part.time_s for part in parts]).tolist() == whole.time_s.tolist()
    assert np.concatenate([part.device for part in parts]).tolist() == whole.device.tolist()
    for name in whole.values:
        assert np.concatenate([part.values[name] for part in parts]).tolist() == whole.values[name].tolist()


def test_what_is_said_is_what_is_read_at_that_moment(instruments: Instruments) -> None:
    for kind in instruments.kinds:
        said = instruments.between(kind, MONDAY_8_S, MONDAY_8_S + 2 * HOUR_S)
        first = the_first(said, 0)
        now = instruments.values(kind, first.pop("time_s"), which=[0])
        assert {name: values[0, 0] for name, values in now.items()} == first


def test_who_reports_on_change_speaks_when_it_moved_a_step_and_once_an_hour(instruments: Instruments) -> None:
    kind, look = SensorKind.WASTE, LOOKS[SensorKind.WASTE]
    assert (look.every_s, look.step) == (600, 0.05)
    said = instruments.between(kind, MONDAY_8_S, MONDAY_8_S + DAY_S)
    for k in range(len(instruments.devices(kind))):
        spoke = set(said.time_s[said.device == k].tolist())
        (beat_s,) = {time_s % 600 for time_s in spoke}
        looks = np.arange(MONDAY_8_S + beat_s - 600, MONDAY_8_S + DAY_S, 600)
        steps = np.floor(instruments.values(kind, looks, which=[k])["fillingLevel"][0] / look.step + 1e-9)
        moved = looks[1:][np.diff(steps) != 0]
        heard = moved[~instruments.is_lost(kind, moved, which=[k])[0]]
        assert set(heard.tolist()) <= spoke
        heartbeats = spoke - set(moved.tolist())
        assert len({time_s % HOUR_S for time_s in heartbeats}) == 1
        assert len(heartbeats) + len(moved) >= 22


def test_some_messages_get_lost_and_now_and_then_a_device_is_silent_for_half_an_hour(instruments: Instruments) -> None:
    lost = instruments.is_lost(SensorKind.TRAFFIC_FLOW, np.arange(MONDAY_8_S, MONDAY_8_S + 3 * DAY_S, 60))
    assert 0.002 < lost.mean() < 0.012
    halves = lost.reshape(len(lost), -1, 30).all(axis=2)
    assert halves.any()


def test_nothing_is_said_in_no_time(instruments: Instruments) -> None:
    empty = instruments.between(SensorKind.WASTE, MONDAY_8_S, MONDAY_8_S)
    assert (len(empty.device), len(empty.time_s), list(empty.values)) == (0, 0, ["fillingLevel"])


# Scenes --------------------------------------------------------------------------------------------------------------------


def test_smoke_is_read_downwind(instruments: Instruments) -> None:
    station = instruments.devices(SensorKind.AIR_QUALITY)[0]
    fire = Plume(MONDAY_8_S, 600.0, 20.0, station.lon - 0.005, station.lat, 3.0, 0.0)
    times = MONDAY_8_S + np.arange(-600, 3_600, 60)
    added = read(instruments, SensorKind.AIR_QUALITY, "pm25", times, [fire]) - read(
        instruments, SensorKind.AIR_QUALITY, "pm25", times
    )
    assert added[0].max() > 50
    assert not added[:, times < MONDAY_8_S].any()


def test_a_downpour_wets_slows_clears_and_fills_where_it_rains(instruments: Instruments) -> None:
    over = instruments.devices(SensorKind.RAIN)[0]
    rain = Downpour(MONDAY_8_S, 2_100, 70.0, 2_500.0, over.lon, over.lat, 0.0, 0.0)
    middle, later = [MONDAY_8_S + 1_050], [MONDAY_8_S + 2_100]
    # 70 mm/h × 35 min × ½ (the mean of sin²) = 20.4 mm in the hour, of which a gauge catches some percent more or less.
    before, gained = (read(instruments, SensorKind.RAIN, "precipitation", later, scenes)[0, 0] for scenes in ((), (rain,)))
    assert gained - before == pytest.approx(20.4, rel=0.1)
    loops = instruments.devices(SensorKind.TRAFFIC_FLOW)
    near = int(np.argmin([float(distance_m(loop.lon, loop.lat, over.lon, over.lat)) for loop in loops]))
    dry, wet = (read(instruments, SensorKind.TRAFFIC_FLOW, "averageVehicleSpeed", middle, s)[near, 0] for s in ((), (rain,)))
    assert 0.65 < wet / dry < 0.93  # at least the 7 % of wet tyres, and more where the lost capacity was needed
    square = next(k for k, d in enumerate(instruments.devices(SensorKind.CROWD_FLOW)) if d.traits["setting"] == 2)
    people = [read(instruments, SensorKind.CROWD_FLOW, "peopleCount", middle, s)[square, 0] for s in ((), (rain,))]
    assert people[1] < 0.2 * people[0]


def test_a_rainstorm_is_seen_in_rain_then_water_then_road_then_traffic(instruments: Instruments) -> None:
    storm = [
        Downpour(MONDAY_8_S + 6 * HOUR_S + k * 1_800, HOUR_S, 110.0, 6_000.0, 123.4225, 30.22, 0.5, 0.0) for k in range(5)
    ]  # each half an hour after the one before; from two in the afternoon, when roads are not full
    times = MONDAY_8_S + 6 * HOUR_S + np.arange(0, 3 * HOUR_S, 60)

    def first_s(kind: SensorKind, name: str, by: float) -> float:
        change = read(instruments, kind, name, times, storm) - read(instruments, kind, name, times)
        shows = (change <= by if by < 0 else change >= by).any(axis=0)
        assert shows.any(), name
        return float(times[shows.argmax()] - times[0])

    rain = first_s(SensorKind.RAIN, "precipitation", 1.0)
    water = first_s(SensorKind.FLOOD, "waterLevel", 0.05)
    road = first_s(SensorKind.UNDERPASS, "waterDepth", 0.05)
    shut = first_s(SensorKind.UNDERPASS, "waterDepth", 0.27)
    traffic = first_s(SensorKind.TRAFFIC_FLOW, "averageVehicleSpeed", -20.0)
    assert 0 < rain < water < road < traffic <= shut
    # 110 mm/h from a catchment whose pumps manage 60: 0.9 × 50 ÷ 3.6e6 × 20,000 ÷ 1,500 = 0.6 m an hour, 27 minutes for 0.27 m.
    assert 20 * 60 < shut - road < 40 * 60


def test_a_power_cut_darkens_stops_and_sinks_what_hangs_on_the_mains_within_it(instruments: Instruments) -> None:
    night_s = MONDAY_8_S - 10 * HOUR_S
    cut = PowerCut(night_s, 2 * HOUR_S, 123.425, 30.215, 1_200.0)
    when = [night_s - 60, night_s + HOUR_S, night_s + 2 * HOUR_S + 1_800]
    usual = {kind: instruments.true_values(kind, when) for kind in instruments.kinds}
    dark = {kind: instruments.true_values(kind, when, [cut]) for kind in instruments.kinds}
    substation = 0
    for name in ("totalActivePower", "voltage", "current"):
        before, during, after = dark[SensorKind.POWER][name][substation]
        assert during == 0
        assert (before, after) == (usual[SensorKind.POWER][name][substation, 0], usual[SensorKind.POWER][name][substation, 2])
        assert before > 0
    cabinets = instruments.devices(SensorKind.LIGHT_CABINET)
    inside = np.array([bool(cut.is_dark(d.lon, d.lat, night_s + 1)) for d in cabinets])
    assert inside.any()
    assert not inside.all()
    assert not dark[SensorKind.LIGHT_CABINET]["powerState"][inside, 1].any()
    assert (dark[SensorKind.LIGHT_CABINET]["powerState"][~inside, 1] > 0.4).all()
    pressure = dark[SensorKind.WATER_NETWORK]["waterPressure"]
    assert (pressure[:, 1] < 0.6 * pressure[:, 0]).all()  # both districts drink from the one station
    assert pressure[:, 2] == pytest.approx(usual[SensorKind.WATER_NETWORK]["waterPressure"][:, 2], rel=0.02)


def test_loops_without_mains_fall_silent_after_half_an_hour_of_battery(instruments: Instruments) -> None:
    cut = PowerCut(MONDAY_8_S, 2 * HOUR_S, 123.425, 30.215, 1_200.0)
    times = MONDAY_8_S + np.array([1_700.0, 1_900.0, 7_100.0, 7_300.0])
    lost = instruments.is_lost(SensorKind.TRAFFIC_FLOW, times, [cut]) & ~instruments.is_lost(SensorKind.TRAFFIC_FLOW, times)
    assert lost.any(axis=0).tolist() == [False, True, True, False]
    assert not instruments.is_lost(SensorKind.RAIN, times, [cut]).all(axis=1).any()  # sun and battery


def test_ammonia_is_measured_downwind_of_the_works_whatever_the_wind(instruments: Instruments) -> None:
    works = 123.46, 30.23
    times = MONDAY_8_S + np.arange(0, 900, 60)
    for turn in np.arange(0, 2 * np.pi, 0.3):
        leak = GasRelease(MONDAY_8_S, 1_200.0, 1_000.0, *works, 3.0, float(turn))
        nh3 = read(instruments, SensorKind.GAS, "nh3", times, [leak])
        assert nh3.max() > 20
        assert nh3.max(axis=1).min() < nh3.max() / 20  # upwind
    assert read(instruments, SensorKind.GAS, "nh3", times).max() < 0.5


def test_who_cannot_ride_waits_in_the_station(instruments: Instruments) -> None:
    counters = instruments.devices(SensorKind.CROWD_FLOW)
    station = next(k for k, d in enumerate(counters) if "metro" in d.device_id)
    standstill = TrainStandstill(MONDAY_8_S, 3_000.0, "1号线", ((counters[station].lon, counters[station].lat),), 40.0)
    when = [MONDAY_8_S + 3_000]
    added = read(instruments, SensorKind.CROWD_FLOW, "peopleCount", when, [standstill]) - read(
        instruments, SensorKind.CROWD_FLOW, "peopleCount", when
    )
    # 40 a minute for 50 minutes, of whom patience of 25 leaves 40 × 25 × (1 − e⁻²) = 865; counting scatters by some dozens.
    assert added[station, 0] == pytest.approx(865, abs=60)
    assert (np.delete(added[:, 0], station) == 0).all()
