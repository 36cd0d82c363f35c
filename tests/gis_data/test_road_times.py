"""Road times: measured speeds slow the roads they are measured on, their class where nothing is measured, and nothing is faster than
free; what is closed is not driven."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from gis_data.city import RoadGraph
from gis_data.road_times import SLOWEST, Nodes, Slowness, arcs_within, network_of

LON, LAT = np.array([113.0, 113.01, 113.02, 113.01]), np.array([23.0, 23.0, 23.0, 23.02])


def roads() -> RoadGraph:
    """0 → 1 → 2 along road 7 of class 0; 0 → 3 → 2 along road 8 of class 1."""
    return RoadGraph(
        LON, LAT, np.array([0, 1, 0, 3], np.int32), np.array([1, 2, 3, 2], np.int32), np.array([60.0, 60.0, 100.0, 100.0]),
        np.array([0, 0, 1, 1], np.int8), np.array([1000.0, 1000.0, 2400.0, 2400.0]), np.array([7, 7, 8, 8], np.int32),
        np.zeros(4, bool),
    )  # fmt: skip


def seconds(slowness: Slowness, **more: float) -> float:
    return float(network_of(roads(), slowness, **more).times_to(np.array([2]))[0, 0])


@pytest.mark.parametrize(
    ("by_road", "by_class", "expected"),
    [
        ({}, {}, 120),
        ({7: 0.8}, {}, 150),
        ({7: 0.5}, {}, 200),
        ({7: 0.5, 8: 0.5}, {}, 240),
        ({}, {0: 0.5}, 200),
        ({7: 1.0}, {0: 0.5}, 120),
        ({7: 1.7}, {}, 120),
        ({7: 0.0, 8: 0.0}, {}, 120 / SLOWEST),
        ({99: 0.2}, {}, 120),
    ],
)
def test_the_quickest_way_as_fast_as_traffic_is(by_road: dict[int, float], by_class: dict[int, float], expected: float) -> None:
    assert seconds(Slowness(by_road, by_class)) == pytest.approx(expected)


def test_those_who_may_drive_faster() -> None:
    assert seconds(Slowness({}, {}), emergency_factor=1.5) == pytest.approx(80)


def test_a_flooded_place_closes_the_arcs_that_touch_it() -> None:
    is_closed = arcs_within(roads(), [shapely.Point(113.005, 23.0).buffer(0.001)])
    assert is_closed.tolist() == [True, False, False, False]
    assert network_of(roads(), is_closed=is_closed).times_to(np.array([2]))[0, 0] == 200
    assert not arcs_within(roads(), []).any()


def test_a_place_stands_at_its_nearest_node() -> None:
    nodes, metres = Nodes.of(roads()).nearest(np.array([113.0101, 113.0]), np.array([23.0, 23.0]))
    assert nodes.tolist() == [1, 0]
    assert metres == pytest.approx([0.0001 * 111_195 * np.cos(np.radians(23.0)), 0], abs=0.01)
