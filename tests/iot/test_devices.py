"""The devices: which there are, where they stand, how much they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.observations import DeviceBirth
from domain.sensors import PROPERTIES, DeviceMode, SensorKind
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import encode
from iot.plane import distance_m
from iot.simulated.devices import DOMAINS, SPEAKS_ON_CHANGE, Device, deploy
from iot.simulated.instruments import Instruments
from iot.simulated.weather import Weather
from iot.topics import topic_of
from tests.iot.test_physics import MONDAY_8_S, SEED

READINGS_A_DAY = 420_000
"""Five weeks of them are stored in four minutes: 14.7 million rows at 61,000 a second."""


@pytest.fixture(scope="module")
def demo_devices(small_city: City) -> tuple[Device, ...]:
    return deploy(small_city, SEED)


def test_the_demonstration_has_two_thousand_datastreams_of_every_kind(demo_devices: tuple[Device, ...]) -> None:
    assert sum(len(device.kind.properties) for device in demo_devices) >= 2_000
    assert {device.kind for device in demo_devices} == set(DOMAINS)
    assert len({device.device_id for device in demo_devices}) == len(demo_devices)


def test_what_is_said_in_a_day_can_be_stored(demo_devices: tuple[Device, ...]) -> None:
    periodic = [d for d in demo_devices if d.mode is DeviceMode.PERIODIC]
    readings = sum(len(d.kind.properties) * 86_400 // d.interval_s for d in periodic)
    assert 380_000 < readings <= READINGS_A_DAY
    assert {d.interval_s for d in periodic} == {120, 300}
    instruments = Instruments(demo_devices, Weather(SEED, ZoneInfo("Asia/Shanghai")))
    said = {
        kind: len(instruments.between(kind, MONDAY_8_S, MONDAY_8_S + 86_400).time_s) * len(kind.properties)
        for kind in SPEAKS_ON_CHANGE
    }
    assert sum(said.values()) < 60_000
    for kind, n in said.items():
        assert n > 20 * len(kind.properties) * len(instruments.devices(kind)), kind  # the heartbeats


def test_devices_stand_in_the_district_of_their_topic(equipped_city: City) -> None:
    for device in deploy(equipped_city, SEED):
        district = equipped_city.district_of(device.lon, device.lat)
        assert district is not None
        assert device.district_code == district.code


def test_a_city_has_the_devices_of_the_places_it_has(paper_city: City, equipped_city: City) -> None:
    few, more = (Counter(device.kind for device in deploy(city, SEED)) for city in (paper_city, equipped_city))
    missing = {SensorKind.UNDERPASS, SensorKind.GAS, SensorKind.POWER, SensorKind.WATER_NETWORK, SensorKind.RAIN}
    assert set(DOMAINS) - set(few) == missing
    assert set(more) == set(DOMAINS)
    assert more[SensorKind.GAS] == 8
    assert more[SensorKind.CROWD_FLOW] == few[SensorKind.CROWD_FLOW] + 2  # the shopping centre and the square
    assert more[SensorKind.POWER] == 4  # a substation, the feeders of two hospitals and of the shopping centre
    assert deploy(replace(paper_city, path=paper_city.path / "nowhere", places=()), SEED) == ()


def test_a_place_of_which_little_is_known_has_devices_with_usual_traits(equipped_city: City) -> None:
    bare = replace(equipped_city, places=tuple(replace(place, attributes={}) for place in equipped_city.places))
    kinds = {device.kind for device in deploy(bare, SEED)}
    assert set(DOMAINS) - kinds == {SensorKind.UNDERPASS, SensorKind.GAS}  # catchment, pumps and ammonia cannot be guessed
    instruments = Instruments(deploy(bare, SEED), Weather(SEED, ZoneInfo("Asia/Shanghai")))
    for kind in instruments.kinds:
        values = instruments.true_values(kind, MONDAY_8_S)
        assert all((value > 0).any() for name, value in values.items() if name not in ("precipitation", "powerState")), kind


def test_gauges_stand_at_crossings_and_loops_before_underpasses(equipped_city: City) -> None:
    devices = deploy(equipped_city, SEED)
    gauges = [device for device in devices if device.kind is SensorKind.FLOOD]
    assert gauges
    assert all(device.lat == pytest.approx(30.2175, abs=1e-6) for device in gauges)  # the river between rows 3 and 4
    assert all(device.basin is not None and device.basin.is_river for device in gauges)
    (underpass,) = (device for device in devices if device.kind is SensorKind.UNDERPASS)
    loops = [device for device in devices if device.kind is SensorKind.TRAFFIC_FLOW]
    away_m = min(float(distance_m(loop.lon, loop.lat, underpass.lon, underpass.lat)) for loop in loops)
    assert 50 < away_m < 150


def test_the_same_seed_gives_the_same_devices_and_another_seed_others(equipped_city: City) -> None:
    assert deploy(equipped_city, SEED) == deploy(equipped_city, SEED)
    assert deploy(equipped_city, SEED) != deploy(equipped_city, SEED + 1)


def test_a_birth_says_what_may_be_expected(equipped_city: City) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    for device in deploy(equipped_city, SEED):
        (birth,) = parse(topic_of(device.device_id, "birth"), encode(device.birth(at)), at + timedelta(seconds=1))
        assert isinstance(birth, DeviceBirth)
        assert birth.type_name == device.kind.type_name
        assert birth.interval_s == device.kind.interval_s
        assert (birth.mode == "on_change") == (device.kind in SPEAKS_ON_CHANGE)
        assert {p.name: p.unit for p in birth.properties} == {name: PROPERTIES[name].unit for name in device.kind.properties}
        if device.kind is SensorKind.PARKING:
            assert birth.properties[0].high == device.traits["capacity"] < 1_000
