"""Driving: ways by hand, and roads that are slow at the peak, slower in rain and closed by water."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gis_data.city import City, Place
from iot.plane import distance_m
from iot.scenarios import Downpour
from iot.simulated.driving import LiveRoads, Roads, joined, share_of_free_speed, underpass_arcs
from iot.simulated.fleet import PATROLLING, muster
from iot.simulated.rhythm import local_time
from iot.simulated.weather import Weather
from tests.iot.conftest import node, place_of
from tests.iot.test_units import MONDAY_8_S, SEED

SHANGHAI = ZoneInfo("Asia/Shanghai")
NIGHT_S = MONDAY_8_S - 5 * 3_600


@pytest.fixture(scope="module")
def roads(paper_city: City) -> Roads:
    return Roads(paper_city)


def with_underpass(city: City) -> City:
    """A city with an underpass on the arterial (row 4) between columns 6 and 7 that a cloudburst fills: 2 ha drain to 800 m²,
    pumps lift 0.1 m³/s."""
    graph = city.roads()
    assert graph is not None
    (arc,) = np.flatnonzero((graph.arc_from == node(6, 4)) & (graph.arc_to == node(7, 4)))
    underpass = Place(
        "underpass-1", "underpass", "纸路下穿立交", "Paper Underpass", *place_of(6.5, 4), "990101",
        {"road": int(graph.arc_road[arc]), "catchment_ha": 2.0, "pump_m3_s": 0.1, "area_m2": 800.0},
    )  # fmt: skip
    return replace(city, places=(*city.places, underpass))


@pytest.fixture(scope="module")
def sunken_city(paper_city: City) -> City:
    return with_underpass(paper_city)


def test_the_quickest_way_by_hand(roads: Roads) -> None:
    """From (0, 3) to (6, 3): along row 3 (secondary) 6 × 481 m ÷ 40 km/h = 259.7 s; over the arterial of row 4
    2 × 556 m ÷ 30 km/h + 6 × 481 m ÷ 50 km/h = 133.4 + 207.8 s: longer."""
    route = roads.route(node(0, 3), node(6, 3))
    assert route is not None
    assert route.travel_s == pytest.approx(6 * 43.3, abs=0.1)
    # All 16 blocks are worth the detour: 16 × 43.3 = 692.8 s against 133.4 + 16 × 34.6 = 687 s.
    whole = roads.route(node(0, 3), node(16, 3))
    assert whole is not None
    assert whole.travel_s == pytest.approx(2 * 66.7 + 16 * 34.6, abs=0.5)
    assert float(whole.metres[-1]) == pytest.approx(16 * 480.4 + 2 * 556, rel=0.005)
    assert len(whole.arcs) == len(whole.nodes) - 1 == 18


def test_a_way_that_is_too_far_is_not_looked_for(roads: Roads) -> None:
    assert roads.route(node(0, 3), node(6, 3), at_most_s=250) is None
    assert roads.route(node(0, 3), node(6, 3), at_most_s=270) is not None


def test_going_on_from_the_middle_of_a_street_leads_over_its_next_crossing(roads: Roads) -> None:
    route = roads.route(node(0, 4), node(4, 4))
    assert route is not None
    back = roads.rerouted(route, 10.0, node(0, 4))
    assert back is not None
    here = route.at(10.0)
    assert (float(back.lon[0]), float(back.lat[0])) == pytest.approx((here.lon, here.lat))
    assert back.travel_s == pytest.approx((34.6 - 10) + 34.6, abs=0.2)
    assert back.end_node == node(0, 4)
    assert here.heading_deg == pytest.approx(90, abs=0.1)
    assert here.speed_kmh == pytest.approx(50, abs=0.5)


def test_legs_are_joined_with_stops_between_them(roads: Roads) -> None:
    """Two blocks of 34.6 s at half speed, 30 s at the corner, and 20 s at the end: 69.2 + 30 + 69.2 + 20."""
    legs = [roads.route(node(0, 4), node(1, 4)), roads.route(node(1, 4), node(0, 4))]
    tour = joined([leg for leg in legs if leg is not None], [30.0, 20.0], 0.5)
    assert tour.travel_s == pytest.approx(188.4, abs=0.2)
    assert tour.at(60).speed_kmh == pytest.approx(25, abs=0.3)
    at_corner = tour.at(69.2 + 15)
    assert (at_corner.speed_kmh, at_corner.heading_deg) == (0.0, pytest.approx(90, abs=0.1))
    assert tour.last_node(69.2 + 15) == node(1, 4)
    assert tour.at(69.2 + 30 + 10).heading_deg == pytest.approx(270, abs=0.1)
    # Called away from the stop, one leaves at once.
    away = roads.rerouted(tour, 69.2 + 15, node(2, 4))
    assert away is not None
    assert away.travel_s == pytest.approx(34.6, abs=0.1)


def test_points_along_a_road_by_share_of_its_length(roads: Roads) -> None:
    lon, lat = roads.on_road([0, 0, 0], [0.0, 0.25, 1.0])  # row 0 of the layer runs from (0, 0) to (1, 0)
    assert lon.tolist() == pytest.approx([123.40, 123.40125, 123.405])
    assert lat.tolist() == pytest.approx([30.20] * 3)


def test_the_peak_and_rain_slow_travel_down() -> None:
    """Five in the afternoon stands at 97 % of the busiest hour: 1 ÷ (1 + 0.75 × (0.82 × 0.97)⁴) = 0.769; rain of 23 mm/h leaves
    1 − 0.15 × (1 − 1/10) = 86.5 % of that."""
    five = local_time(MONDAY_8_S + 9 * 3_600, SHANGHAI)
    assert float(share_of_free_speed(five, 0.0)) == pytest.approx(0.769, abs=0.001)
    assert float(share_of_free_speed(five, 23.03)) == pytest.approx(0.769 * 0.865, abs=0.001)
    assert float(share_of_free_speed(local_time(NIGHT_S, SHANGHAI), 0.0)) > 0.999


def test_the_same_way_takes_longer_at_the_peak(sunken_city: City, roads: Roads) -> None:
    live = LiveRoads(sunken_city, roads, Weather(SEED, SHANGHAI))
    night, peak = (live.at(t, ()).route(node(0, 4), node(16, 4)) for t in (NIGHT_S, MONDAY_8_S + 10 * 3_600))
    assert night is not None
    assert peak is not None
    assert 1.2 < peak.travel_s / night.travel_s < 1.6
    assert live.at(NIGHT_S, ()) is live.at(NIGHT_S, ())


def test_a_cloudburst_closes_the_underpass_and_the_way_leads_round_it(sunken_city: City, roads: Roads) -> None:
    """80 mm/h on 2 ha are 0.4 m³/s against pumps of 0.1: in 20 minutes half a metre on 800 m²."""
    live = LiveRoads(sunken_city, roads, Weather(SEED, SHANGHAI))
    rain = Downpour(NIGHT_S, 3_600, 80, 3_000, *place_of(6.5, 4), 0, 0)
    arcs = underpass_arcs(sunken_city)["underpass-1"]
    assert len(arcs) == 2  # both ways
    before, flooded = live.at(NIGHT_S - 60, [rain]), live.at(NIGHT_S + 3_000, [rain])
    assert before.closed == frozenset()
    assert flooded.closed == frozenset(arcs)
    direct, round_ = (each.route(node(5, 4), node(8, 4)) for each in (before, flooded))
    assert direct is not None
    assert round_ is not None
    assert not set(arcs).isdisjoint(direct.arcs.tolist())
    assert set(arcs).isdisjoint(round_.arcs.tolist())
    assert round_.travel_s > direct.travel_s + 2 * 66


def test_shallow_water_only_slows(sunken_city: City, roads: Roads) -> None:
    live = LiveRoads(sunken_city, roads, Weather(SEED, SHANGHAI))
    rain = Downpour(NIGHT_S, 3_600, 80, 3_000, *place_of(6.5, 4), 0, 0)
    moments = [live.at(NIGHT_S + 60 * k, [rain]) for k in range(60)]
    closed = [bool(each.closed) for each in moments]
    first = closed.index(True)
    block = [each.route(node(6, 4), node(7, 4)) for each in moments[first - 11 : first - 5]]
    seconds = [way.travel_s for way in block if way is not None]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 1.5 * seconds[0]


def test_patrols_keep_off_underpasses(sunken_city: City, roads: Roads) -> None:
    arcs = set(underpass_arcs(sunken_city)["underpass-1"])
    beats = [vehicle.beat for vehicle in muster(sunken_city, roads, SEED) if vehicle.kind in PATROLLING]
    assert beats
    for beat in beats:
        assert beat is not None
        assert arcs.isdisjoint(beat.route.arcs.tolist())
        home = (beat.route.lon[0], beat.route.lat[0])
        for sets_out_s in beat.sets_out_s:
            assert float(distance_m(*beat.route.at(sets_out_s)[:2], *home)) < 1
