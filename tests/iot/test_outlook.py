"""The outlook: what is told of the time to come is what the instruments will read then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.sensors import SensorKind
from gis_data.city import City
from iot.control import Effect
from iot.scenarios import Downpour, HallRush, NetworkOutage, PowerCut, Scene, TrainStandstill
from iot.simulated.devices import deploy
from iot.simulated.halls import halls_of
from iot.simulated.instruments import Instruments
from iot.simulated.outlook import outlook
from iot.simulated.weather import Weather
from tests.iot.test_scenes import MONDAY_8_S, SEED

HOUR_S = 3_600.0


@pytest.fixture(scope="module")
def instruments(equipped_city: City) -> Instruments:
    return Instruments(deploy(equipped_city, SEED), Weather(SEED, ZoneInfo("Asia/Shanghai")))


def told(instruments: Instruments, city: City, *scenes: Scene) -> list[Effect]:
    effects = outlook(instruments, halls_of(city, SEED), scenes)
    assert effects == sorted(effects, key=lambda effect: effect.at)
    return effects


def hours_from_8(effect: Effect) -> float:
    return (effect.at - datetime.fromtimestamp(MONDAY_8_S, UTC)).total_seconds() / HOUR_S


def test_water_that_is_told_of_is_there_at_that_time(instruments: Instruments, equipped_city: City) -> None:
    rain = [Downpour(MONDAY_8_S + 1_200 * k, 2_400, 120, 50_000, *equipped_city.centre, 0, 0) for k in range(5)]
    effects = told(instruments, equipped_city, *rain)
    (impassable,) = (effect for effect in effects if effect.en.endswith("impassable"))
    assert impassable.zh.endswith("积水超过0.27米，车辆无法通行")
    at_s = impassable.at.timestamp()
    depth_m = instruments.true_values(SensorKind.UNDERPASS, [at_s - 120, at_s], rain)["waterDepth"][0]
    assert depth_m[0] < 0.27 <= depth_m[1]
    assert any("rain" in effect.en for effect in effects)


def test_scenes_without_instruments_are_told_in_words(instruments: Instruments, equipped_city: City) -> None:
    outage = told(instruments, equipped_city, NetworkOutage(MONDAY_8_S, 900, ("990101",)))
    assert [(hours_from_8(effect), effect.en) for effect in outage] == [
        (0, "the gateways of 990101 lose their lines"),
        (0.25, "the gateways are back and send late what they kept"),
    ]
    substation = equipped_city.places_of("substation")[0]
    dark = told(instruments, equipped_city, PowerCut(MONDAY_8_S, 1_800, substation.lon, substation.lat, 1_000))
    assert {"no power within 1 km", "the power is back"} < {effect.en for effect in dark}
    assert any(effect.en.endswith("no voltage") for effect in dark)
    stations: Sequence[tuple[float, float]] = [(p.lon, p.lat) for p in equipped_city.places_of("metro_station")]
    stand = told(instruments, equipped_city, TrainStandstill(MONDAY_8_S, 3_600, "1号线", tuple(stations), 40))
    assert any("300 people more than usual; at 2 places" in effect.en for effect in stand)
    assert told(instruments, equipped_city) == []


@pytest.mark.parametrize(
    ("start_h", "lasts_h", "begins_h", "words"),
    [
        (2.0, 1.5, 2.0, "2.5 times as many people come to the halls"),
        (0.0, 1.5, 0.75, "2.5 times as many people come to the halls"),  # doors open at 08:45
        (12.0, 1.5, 12.0, "the halls are closed all the while: nobody comes"),  # eight in the evening
        (23.0, 3.0, 24.75, "2.5 times as many people come to the halls"),  # at seven in the morning of Tuesday
    ],
)
def test_a_rush_is_told_for_when_the_halls_are_open(
    instruments: Instruments, equipped_city: City, start_h: float, lasts_h: float, begins_h: float, words: str
) -> None:
    rush = HallRush(MONDAY_8_S + start_h * HOUR_S, lasts_h * HOUR_S, (), 2.5)
    (effect,) = told(instruments, equipped_city, rush)
    assert (hours_from_8(effect), effect.en) == (begins_h, words)


def test_districts_are_told_by_their_names(instruments: Instruments, equipped_city: City) -> None:
    code, named = equipped_city.districts[0].code, equipped_city.districts
    cut, _ = outlook(instruments, (), [NetworkOutage(MONDAY_8_S, 900, (code, "999999"))], districts=named)
    assert cut.zh == f"{named[0].name_zh}、999999网关断线"
    assert cut.en == f"the gateways of {named[0].name_en}, 999999 lose their lines"
