"""Notices: what people report of water and of scenes, when, from where; and that stopping a scene changes nothing before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gis_data.city import City, Place
from iot.plane import distance_m
from iot.scenarios import Downpour, GasRelease, HallRush, NetworkOutage, Plume, PowerCut, Scene, TrainStandstill, stopped
from iot.simulated.driving import Roads
from iot.simulated.notices import CROWD_NOTICED_S, MARKS, NOTICED_AFTER_S, Notices
from iot.simulated.streets import Streets
from iot.simulated.telling import Call, Teller
from iot.simulated.water import Underpasses
from iot.simulated.weather import Weather
from tests.iot.conftest import place_of
from tests.iot.test_driving import with_underpass
from tests.iot.test_units import MONDAY_8_S, SEED

WEATHER = Weather(SEED, ZoneInfo("Asia/Shanghai"))
NEVER = MONDAY_8_S - 100, MONDAY_8_S + 86_400
CLOUDBURST = Downpour(MONDAY_8_S, 3_600, 120, 3_000, *place_of(6.5, 4), 0, 0)
WORKS = place_of(12, 6.2)


@pytest.fixture(scope="module")
def city(paper_city: City) -> City:
    """With an underpass, and ammonia works in the east."""
    works = Place("factory-1", "factory", "纸城氮肥厂", "Paper Fertiliser Works", *WORKS, "990102", {"ammonia_t": 100})
    sunken = with_underpass(paper_city)
    return replace(sunken, places=(*sunken.places, works))


@pytest.fixture(scope="module")
def notices(city: City) -> Notices:
    streets = Streets(city, Roads(city))
    return Notices(city, streets, Teller(city, streets, WEATHER.zone), WEATHER)


def noticed(notices: Notices, *scenes: Scene, span: tuple[float, float] = NEVER) -> list[Call]:
    return sorted(notices.between(*span, scenes), key=lambda call: (call.event.ts, call.event.id))


def after_s(call: Call) -> float:
    return call.event.ts.timestamp() - MONDAY_8_S


def away_m(call: Call, place: tuple[float, float]) -> float:
    assert call.event.position is not None
    return float(distance_m(*call.event.position, *place))


def incidents(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.event.event == "incident.reported"]


def test_without_water_and_scenes_there_is_nothing_to_report(notices: Notices) -> None:
    assert noticed(notices) == []


def test_an_underpass_is_reported_mark_by_mark_as_it_fills(notices: Notices, city: City) -> None:
    """120 mm/h on 2 ha against pumps of 0.1 m³/s: a request at 0.15 m, incidents when a car drowns and when one is trapped."""
    calls = noticed(notices, CLOUDBURST)
    assert [(c.event.class_, c.event.severity) for c in calls] == [
        ("waterlogging", None),
        ("waterlogging", 3),
        ("waterlogging", 2),
    ]
    assert all(away_m(c, place_of(6.5, 4)) < 1 for c in calls)
    assert "纸路下穿立交积水超过27厘米" in str(calls[1].event.text)
    minutes = MONDAY_8_S + 60.0 * np.arange(120)
    depth_m = Underpasses.of(city).depth_m(WEATHER, minutes, [CLOUDBURST])[0]
    for call, mark in zip(calls, MARKS, strict=True):
        passed_s = 60.0 * int((depth_m >= mark.depth_m).argmax())
        assert 30 <= after_s(call) - passed_s <= 240


def test_water_that_stays_is_not_reported_again_and_a_second_flood_is(notices: Notices) -> None:
    again = replace(CLOUDBURST, start_s=MONDAY_8_S + 6 * 3_600)
    calls = noticed(notices, CLOUDBURST, again)
    assert [c.event.severity for c in calls] == [None, 3, 2, None, 3, 2]
    assert len({(c.device_id, c.event.id) for c in calls}) == 6


def test_a_fire_is_called_in_once_from_where_it_burns(notices: Notices) -> None:
    fire = Plume(MONDAY_8_S, 480, 12, 123.42, 30.22, 3, 0)
    (call,) = noticed(notices, fire)
    assert (call.event.class_, call.event.severity, call.event.channel) == ("fire", 2, "119")
    assert call.event.position == (123.42, 30.22)
    assert 60 <= after_s(call) <= 120


def test_a_gas_leak_is_reported_by_the_works_and_smelt_downwind(notices: Notices) -> None:
    """3 t within 40 minutes, wind from the east: complaints come from the west of the works, the farther the later."""
    leak = GasRelease(MONDAY_8_S, 2_400, 2_500, *WORKS, 2.5, np.pi)
    calls = noticed(notices, leak)
    (report,) = incidents(calls)
    assert (report.event.class_, report.event.severity, report.event.position) == ("gas_leak", 2, WORKS)
    assert "纸城氮肥厂附近氨气泄漏" in str(report.event.text)
    assert NOTICED_AFTER_S[0] <= after_s(report) <= NOTICED_AFTER_S[1]
    smelt = [call for call in calls if call.event.class_ == "odour"]
    assert len(smelt) > 5
    for call in smelt:
        assert call.event.position is not None
        assert call.event.position[0] <= WORKS[0] + 0.001
        assert after_s(call) > 0.8 * away_m(call, WORKS) / 2.5 - 60  # a puff spreads ahead of itself


def test_a_power_cut_is_reported_and_complained_of_where_it_is_dark_while_it_lasts(notices: Notices) -> None:
    cut = PowerCut(MONDAY_8_S, 3_600, *place_of(4, 4), 1_500)
    calls = noticed(notices, cut)
    (report,) = incidents(calls)
    assert (report.event.class_, report.event.channel) == ("power_failure", "12345")
    complaints = [call for call in calls if call.event.class_ == "power_supply"]
    assert len(complaints) > 10
    assert all(away_m(call, place_of(4, 4)) <= 1_500 + 300 for call in complaints)  # a street reaches beyond its middle
    assert all(0 <= after_s(call) <= 3_600 for call in complaints)
    halves = Counter(after_s(call) < 1_800 for call in complaints)
    assert halves[True] > halves[False]  # it is news at first


def test_a_train_that_stands_still_fills_stations_that_call_for_help(notices: Notices) -> None:
    """40 people a minute who wait 25 minutes at most: 1000 (1 − e^(−t/25)), 500 after 17.3 minutes."""
    stations = tuple(place_of(4 * k, 2) for k in range(1, 4))
    standstill = TrainStandstill(MONDAY_8_S, 3_000, "1号线", stations, 40)
    calls = noticed(notices, standstill)
    full = incidents(calls)
    assert [(c.event.class_, c.event.severity) for c in full] == [("crowd", 3)] * 3
    assert {c.event.position for c in full} == set(stations)
    assert all(18 * 60 <= after_s(c) <= 18 * 60 + CROWD_NOTICED_S[1] for c in full)
    complaints = [call for call in calls if call.event.class_ == "public_transport"]
    assert len(complaints) > 3
    assert {c.event.position for c in complaints} <= set(stations)


def test_a_short_standstill_fills_no_station(notices: Notices) -> None:
    assert incidents(noticed(notices, TrainStandstill(MONDAY_8_S, 900, "1号线", (place_of(4, 2),), 40))) == []


def test_of_full_halls_and_cut_lines_nobody_calls(notices: Notices) -> None:
    assert noticed(notices, HallRush(MONDAY_8_S, 3_600, (), 3), NetworkOutage(MONDAY_8_S, 900, ("990101",))) == []


@pytest.mark.parametrize(
    ("scene", "after_s"),
    [
        (GasRelease(MONDAY_8_S, 2_400, 2_500, *WORKS, 2.5, np.pi), 900),
        (PowerCut(MONDAY_8_S, 3_600, *place_of(4, 4), 1_500), 1_500),
        (TrainStandstill(MONDAY_8_S, 3_600, "1号线", (place_of(4, 2), place_of(8, 2)), 60), 1_500),
        (CLOUDBURST, 2_000),
    ],
    ids=["gas", "power", "trains", "rain"],
)
def test_a_scene_that_is_stopped_has_brought_the_same_until_then_and_less_after(
    notices: Notices, scene: Scene, after_s: float
) -> None:
    at_s = MONDAY_8_S + after_s
    ended = stopped(scene, at_s)
    assert ended is not None
    assert ended != scene
    before = (NEVER[0], at_s)
    assert noticed(notices, scene, span=before) == noticed(notices, ended, span=before) != []
    after = (at_s, NEVER[1])
    assert len(noticed(notices, ended, span=after)) < len(noticed(notices, scene, span=after))


def test_asked_piece_by_piece_the_same_is_noticed(notices: Notices) -> None:
    scenes = (
        CLOUDBURST,
        GasRelease(MONDAY_8_S, 2_400, 2_500, *WORKS, 2.5, np.pi),
        PowerCut(MONDAY_8_S, 3_600, *place_of(4, 4), 900),
    )
    whole = noticed(notices, *scenes, span=(MONDAY_8_S, MONDAY_8_S + 5_000))
    pieces = [noticed(notices, *scenes, span=(MONDAY_8_S + k, MONDAY_8_S + k + 10)) for k in range(0, 5_000, 10)]
    assert [call for piece in pieces for call in piece] == whole
