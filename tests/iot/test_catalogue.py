"""The catalogue: what can be started, with what, and what becomes of it. On a city of two districts, with works added."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gis_data.city import City, Place
from iot.plane import distance_m
from iot.scenarios import Downpour, GasRelease, HallRush, NetworkOutage, Plume, PowerCut, TrainStandstill, demonstration
from iot.scenarios.catalogue import CATALOGUE, get_scenario
from iot.simulated.weather import Weather
from tests.iot.test_scenes import MONDAY_8_S, SEED

WEATHER = Weather(SEED, ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def works_city(paper_city: City) -> City:
    """The paper city with a factory that holds ammonia, one that does not, and a substation in each district."""
    return replace(
        paper_city,
        places=(
            *paper_city.places,
            Place("factory-1", "factory", "西冷库", "West cold store", 123.42, 30.21, "990101", {"ammonia_t": 20}),
            Place("factory-2", "factory", "东机械厂", "East works", 123.46, 30.21, "990102"),
            Place("sub-1", "substation", "西变电站", "West substation", 123.42, 30.22, "990101", {"capacity_mva": 100}),
            Place("sub-2", "substation", "东变电站", "East substation", 123.46, 30.22, "990102", {"capacity_mva": 100}),
        ),
    )


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_plan_is_the_same_again_begins_when_it_should_and_is_over_in_the_end(works_city: City, name: str) -> None:
    scenario = get_scenario(name)
    scenes = scenario.plan(works_city, WEATHER, SEED, MONDAY_8_S)
    assert scenes
    assert scenario.plan(works_city, WEATHER, SEED, MONDAY_8_S) == scenes
    assert min(scene.start_s for scene in scenes) == MONDAY_8_S
    assert max(scene.end_s for scene in scenes) >= MONDAY_8_S + 60 * scenario.lasts_min
    assert scenario.name == name
    assert all((scenario.zh, scenario.en, scenario.about_zh.endswith("。"), scenario.about_en.endswith(".")))
    settings = scenario.settings(works_city, SEED, {})
    assert scenario.plan(works_city, WEATHER, SEED, MONDAY_8_S, **settings) == scenes, "the usual settings, said aloud"


def test_it_rains_with_the_whole_strength_from_the_middle_of_the_first_cell_to_that_of_the_last(works_city: City) -> None:
    # Cells of 40 minutes every 20, sin² each: their sum is 1. Two hours of rain: full from 0:20 to 1:40.
    scenario = get_scenario("rainstorm")
    cells = scenario.plan(works_city, WEATHER, SEED, 0.0, peak_mm_h=60.0, radius_m=50_000.0, lasts_min=120.0)
    assert [cell.start_s / 60 for cell in cells] == [0, 20, 40, 60, 80]
    rains = [cell for cell in cells if isinstance(cell, Downpour)]
    rain = [sum(float(cell.rain_mm_h(*works_city.centre, 60 * minute)) for cell in rains) for minute in (0, 20, 65, 100, 121)]
    assert rain[1:4] == pytest.approx([60, 60, 60], rel=0.1)
    assert rain[0] == rain[4] == 0


def test_a_leak_lets_out_what_was_asked_but_not_more_than_there_is(works_city: City) -> None:
    leak, whole = (get_scenario("gas-leak").plan(works_city, WEATHER, SEED, 0.0, tonnes=tonnes)[0] for tonnes in (3, 50))
    assert isinstance(leak, GasRelease)
    assert isinstance(whole, GasRelease)
    assert leak.peak_g_s * leak.lasts_s / 2 == pytest.approx(3e6)
    assert whole.peak_g_s * whole.lasts_s / 2 == pytest.approx(20e6)
    assert (leak.lon, leak.lat) == (123.42, 30.21), "the one that holds ammonia"


def test_places_are_chosen_and_can_be_told(works_city: City) -> None:
    (stand,) = get_scenario("metro-breakdown").plan(works_city, WEATHER, SEED, 0.0)
    assert isinstance(stand, TrainStandstill)
    assert len(stand.stations) == 2
    (rush,) = get_scenario("hall-surge").plan(works_city, WEATHER, SEED, 0.0, halls="service_hall-2")
    assert rush == HallRush(0.0, 5_400.0, ("service_hall-2",), 2.5)
    (cut,) = get_scenario("power-failure").plan(works_city, WEATHER, SEED, 0.0, substation="sub-2", lasts_min=10)
    assert cut == PowerCut(0.0, 600.0, 123.46, 30.22, 1_500.0)
    (outage,) = get_scenario("network-failure").plan(works_city, WEATHER, SEED, 0.0)
    assert isinstance(outage, NetworkOutage)
    assert len(outage.district_codes) == 1
    assert set(outage.district_codes) < {"990101", "990102"}


@pytest.mark.parametrize(
    ("name", "given", "complaint"),
    [
        (
            "rainstorm",
            {"peak_mm_h": "much"},
            r"rainstorm: peak_mm_h is 'much': expected a number from 1 to 300 mm/h, such as 110",
        ),
        ("rainstorm", {"peak_mm_h": 0}, "expected a number from 1 to 300"),
        ("rainstorm", {"lasts_min": "nan"}, "expected a number from 1 to 1440 min"),
        ("rainstorm", {"depth": 1}, "rainstorm has no parameter 'depth': expected one of lasts_min, peak_mm_h"),
        ("gas-leak", {"factory": "factory-2"}, "factory is 'factory-2': there is no 'factory-2'; expected one of factory-1"),
        ("network-failure", {"districts": "990101,990199"}, "there is no '990199'; expected some of 990101, 990102"),
    ],
)
def test_what_cannot_be_is_refused_in_words(works_city: City, name: str, given: dict[str, float | str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        get_scenario(name).plan(works_city, WEATHER, SEED, 0.0, **given)


def test_a_city_without_works_has_no_leak_and_an_unknown_scenario_is_named(paper_city: City) -> None:
    with pytest.raises(ValueError, match="Paper City has no place of kind factory with ammonia_t"):
        get_scenario("gas-leak").plan(paper_city, WEATHER, SEED, 0.0)
    with pytest.raises(ValueError, match="there is no scenario 'flood': expected one of rainstorm, gas-leak"):
        get_scenario("flood")


def test_a_day_of_the_background_is_calm_but_something_happens_soon(paper_city: City) -> None:
    stations = [(123.42, 30.21), (123.46, 30.22)]
    day = demonstration(stations, WEATHER, seed=SEED, started_s=MONDAY_8_S, until_s=MONDAY_8_S + 86_400)
    rain = [scene for scene in day if isinstance(scene, Downpour)]
    fires = [scene for scene in day if isinstance(scene, Plume)]
    assert (len(fires), len(rain)) == (4, 3)
    assert min(scene.start_s for scene in day) - MONDAY_8_S < 5 * 60
    assert (np.diff([fire.start_s for fire in fires]) == 7 * 3_600).all()
    assert max(shower.peak_mm_h for shower in rain) < 36, "less than drains carry off in a yearly storm"
    longer = demonstration(stations, WEATHER, seed=SEED, started_s=MONDAY_8_S, until_s=MONDAY_8_S + 2 * 86_400)
    assert set(day) <= set(longer)
    assert float(distance_m(fires[0].lon, fires[0].lat, *stations[SEED % 2])) == pytest.approx(700, rel=0.01)
