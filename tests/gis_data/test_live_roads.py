"""Roads as they are now: closures obeyed by whom they hold for, what is drawn closes the road that is meant, reach follows
roads."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_data.city import City, RoadGraph
from gis_data.city_roads import CityRoads, ClosedRoad
from gis_data.isochrones import reached
from gis_data.road_lines import RoadLines
from gis_data.road_times import FREE, LiveRoads, Slowness, slowness_of

SIDE, STEP = 5, 0.01


def grid() -> RoadGraph:
    """5 × 5 crossings a hundredth of a degree apart on the equator (1,112 m), each street both ways, 60 s a block."""
    node = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    pairs = np.concatenate([
        np.stack([node[:, :-1].ravel(), node[:, 1:].ravel()], 1), np.stack([node[:-1].ravel(), node[1:].ravel()], 1),
    ])  # fmt: skip
    tails, heads = np.concatenate([pairs, pairs[:, ::-1]]).T.astype(np.int32)
    rows = np.tile(np.arange(len(pairs)), 2).astype(np.int32)
    n = len(tails)
    return RoadGraph(
        (node % SIDE).ravel() * STEP, (node // SIDE).ravel() * STEP, tails, heads, np.full(n, 60.0), np.zeros(n, np.int8),
        np.full(n, 1112.0), rows, np.zeros(n, bool),
    )  # fmt: skip


def lines() -> RoadLines:
    roads = grid()
    half = len(roads.arc_from) // 2
    ends = np.stack([roads.arc_from[:half], roads.arc_to[:half]], 1)
    shapes = shapely.linestrings(np.stack([roads.node_lon[ends], roads.node_lat[ends]], 2))
    flat = shapely.transform(shapes, lambda xy: (xy - 0.02) * 111_195.0)
    names = tuple((f"{k}路", f"Road {k}") for k in range(half))
    return RoadLines(roads, shapes, flat, shapely.STRtree(flat), names, (0.02, 0.02), {"dip": 0})


def city_roads() -> CityRoads:
    return CityRoads(lines(), emergency_factor=1.0, access_kmh=40.0)


@settings(deadline=None, max_examples=60)
@given(st.sets(st.integers(0, 2 * SIDE * (SIDE - 1) - 1)), st.integers(0, 24), st.integers(0, 24))
def test_no_way_leads_through_a_closed_road_and_what_cannot_be_reached_is_said(closed: set[int], start: int, goal: int) -> None:
    roads = city_roads()
    shapes = roads.lines.shapes
    middles = [shapely.line_interpolate_point(shapes[row], 0.5, normalized=True) for row in sorted(closed)]
    closures = [ClosedRoad(f"c{k}", {"type": "Point", "coordinates": [p.x, p.y]}) for k, p in enumerate(middles)]
    roads.change(FREE, closures)
    graph = roads.lines.roads
    origin = graph.node_lon[start], graph.node_lat[start]
    place = graph.node_lon[goal], graph.node_lat[goal]
    driven = roads.drive(origin, place)
    seconds = roads.live.times_between([origin], place)[0]
    # Bellman-Ford over the arcs that are left
    expected = np.full(25, np.inf)
    expected[start] = 0
    is_open = ~np.isin(graph.arc_road, sorted(closed))
    for _ in range(25):
        np.minimum.at(expected, graph.arc_to[is_open], expected[graph.arc_from[is_open]] + 60)
    assert seconds == pytest.approx(expected[goal])
    if np.isinf(expected[goal]):
        assert driven is None
    else:
        assert driven is not None
        assert driven.seconds == pytest.approx(expected[goal])
        passed = {str(names[0]) for names in driven.way.roads}
        assert passed.isdisjoint({f"{row}路" for row in closed})


def test_a_closure_holds_for_everybody_but_those_who_pass_it() -> None:
    roads = city_roads()
    roads.change(FREE, [ClosedRoad("water", {"type": "Point", "coordinates": [0.0, 0.0]}, "dip")])
    origin, place = (0.0, 0.0), (0.01, 0.0)
    assert roads.live.times_between([origin], place)[0] == pytest.approx(180), "round the block"
    assert roads.live.times_between([origin], place, frozenset({"water"}))[0] == pytest.approx(60)
    assert roads.change(FREE, []), "and open again"
    assert roads.live.times_between([origin], place)[0] == pytest.approx(60)
    assert not roads.change(FREE, [])


def test_a_line_along_a_road_leaves_its_side_streets_open_and_an_area_closes_all_that_it_touches() -> None:
    found = lines()
    along = shapely.LineString([(0.0, 0.01), (0.02, 0.01)])
    assert found.names_of(found.rows_closed_by(along)) == (("4路", "Road 4"), ("5路", "Road 5"))
    across = shapely.LineString([(0.005, 0.009), (0.005, 0.011)])
    assert found.names_of(found.rows_closed_by(across)) == (("4路", "Road 4"),)
    corner = shapely.Point(0.01, 0.01).buffer(0.001)
    assert len(found.rows_closed_by(corner)) == 4
    assert len(found.rows_closed_by(shapely.Point(0.015, 0.015))) == 0, "nothing is within 60 m"


def test_a_place_far_from_every_road_is_reached_by_none() -> None:
    live = LiveRoads(grid())
    assert np.isinf(live.times_between([(0.0, 0.0)], (0.04, 0.08))).all()
    assert live.times_between([(0.0, 0.0)], (0.04, 0.041))[0] > 8 * 60, "100 m beyond the last crossing"
    assert live.times_between([], (0.0, 0.0)).tolist() == []


def test_one_comes_as_far_as_roads_lead_and_not_in_a_circle() -> None:
    """From the corner 240 s are four blocks along the streets: (4, 0) and (2, 2) are reached, (3, 3) is not."""
    roads = city_roads()
    (far,) = roads.reach([(0.0, 0.0)], [240.0], is_to=False)
    inside = [bool(far.area.covers(shapely.Point(x * STEP, y * STEP))) for x, y in ((0, 0), (3, 0), (2, 1), (3, 3), (4, 4))]
    assert inside == [True, True, True, False, False]
    near, wide = roads.reach([(0.02, 0.02)], [60.0, 180.0], is_to=True)
    assert wide.area.area > near.area.area > 0
    assert wide.area.buffer(1e-4).covers(near.area)


def test_a_closed_ring_is_a_reach_that_stays_inside() -> None:
    roads = city_roads()
    ring = shapely.Point(0.02, 0.02).buffer(0.005).exterior
    roads.change(FREE, [ClosedRoad("ring", shapely.geometry.mapping(ring))])
    (shut,) = roads.reach([(0.02, 0.02)], [600.0], is_to=False)
    assert shut.area.is_empty, "all four streets out are closed"
    graph = grid()
    nowhere = reached(graph, np.full(25, np.inf), graph.arc_travel_s, np.ones(len(graph.arc_from), bool), [60.0], is_to=True)
    assert nowhere[0].area.is_empty


def test_detectors_say_how_slow_their_roads_are_and_others_take_the_mean_of_the_class() -> None:
    said = slowness_of([((1, 2), 0, 30.0, 60.0), ((3,), 0, 60.0, 60.0), ((4,), 1, 90.0, 60.0), ((5,), 1, 0.0, 60.0)])
    assert said.by_road == {1: 0.5, 2: 0.5, 3: 1.0, 4: 1.0, 5: 0.1}
    assert said.by_class == {0: 0.75, 1: 0.55}
    assert (said.n_loops, said.spread) == (4, None), "four are too few for an interval"
    assert Slowness.from_json(said.as_json()) == said
    many = slowness_of(((k,), 0, 30.0 + k, 60.0) for k in range(21))
    assert many.spread == pytest.approx((32 / 40, 48 / 40)), "30 to 50 km/h around 40: the tenth parts are 32 and 48"


def test_a_built_city_gives_its_roads_and_underpasses(small_city: City) -> None:
    roads = CityRoads.of(small_city)
    assert roads is not None
    dip = next(p for p in small_city.places_of("underpass"))
    rows = roads.rows_of(ClosedRoad("w", {"type": "Point", "coordinates": [dip.lon, dip.lat]}, dip.id))
    assert rows.tolist() == [int(dip.attributes["road"])]
