"""Topology: gauges of one stream, detectors of one road, an underpass and its road; told by names on a small drawn map."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import shapely

from alerts.topology import DETECTOR, GAUGE, UNDERPASS, Post, links

STEP = 0.01
"""A kilometre, near enough."""


@pytest.fixture
def city() -> Any:
    """A river from west to east; a main road in two pieces south of it, and a lane of no name beside."""
    layers = {
        "waterways": [(shapely.LineString([(0, 0), (10 * STEP, 0)]), {"kind": "river", "name_zh": "清水河"})],
        "roads": [
            (shapely.LineString([(0, -STEP), (5 * STEP, -STEP)]), {"class": "arterial", "name_zh": "长安路"}),
            (shapely.LineString([(5 * STEP, -STEP), (10 * STEP, -STEP)]), {"class": "arterial", "name_zh": "长安路"}),
            (shapely.LineString([(0, -2 * STEP), (5 * STEP, -2 * STEP)]), {"class": "local"}),
        ],
    }

    def layer(name: str) -> SimpleNamespace:
        rows = layers[name]
        return SimpleNamespace(shapes=[shape for shape, _ in rows], properties=[row for _, row in rows])

    return SimpleNamespace(centre=(0.0, 0.0), layer=layer)


def test_gauges_are_linked_with_the_next_one_along_the_stream(city: Any) -> None:
    posts = [
        Post("g3", GAUGE, 6 * STEP, 0.001),
        Post("g1", GAUGE, STEP, 0),
        Post("g2", GAUGE, 3 * STEP, 0),
        Post("far", GAUGE, 0, 1),
    ]
    assert links(posts, city) == [("g1", "g2"), ("g2", "g3")]


def test_detectors_are_linked_along_all_pieces_of_a_road_and_not_across_roads(city: Any) -> None:
    posts = [
        Post("d1", DETECTOR, STEP, -STEP), Post("d2", DETECTOR, 6 * STEP, -STEP), Post("lane", DETECTOR, STEP, -2 * STEP),
    ]  # fmt: skip
    assert links(posts, city) == [("d1", "d2")]


def test_an_underpass_is_linked_with_the_detectors_of_its_road_that_are_near(city: Any) -> None:
    posts = [
        Post("under", UNDERPASS, 2 * STEP, -STEP), Post("near", DETECTOR, 3 * STEP, -STEP), Post("away", DETECTOR, 9 * STEP, -STEP),
    ]  # fmt: skip
    assert ("near", "under") in links(posts, city)
    assert ("away", "under") not in links(posts, city)


def test_without_a_map_nothing_is_linked() -> None:
    assert links([Post("a", GAUGE, 0, 0), Post("b", GAUGE, 0, 0)], None) == []
