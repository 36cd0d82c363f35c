"""Detectors on roads: which stretches they speak for, by hand-made roads of a hundredth of a degree (1,112 m on the equator)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely

from gis_data.city import City, write_city
from gis_data.layers import Layer
from gis_data.loops import loop_roads

LONG = {"class": "arterial", "name_zh": "长路", "name_en": "Long Road", "speed_kmh": 50.0}
NAMELESS = {"class": "local"}


def _city(path: Path, *roads: tuple[dict[str, object], list[tuple[float, float]]]) -> City:
    shapes = np.array([shapely.LineString(line) for _, line in roads])
    layers = {
        "districts": Layer("districts", np.array([shapely.box(-0.01, -0.03, 0.05, 0.03)]), [{"code": "1", "name_zh": "区", "name_en": "One"}]),
        "roads": Layer("roads", shapes, [row for row, _ in roads]),
    }  # fmt: skip
    return write_city(path / "city", {"name_zh": "小城", "name_en": "Small", "zone": "UTC"}, layers, max_zoom=8)


def _pieces(n: int, row: dict[str, object]) -> list[tuple[dict[str, object], list[tuple[float, float]]]]:
    return [(row, [(0.01 * k, 0.0), (0.01 * (k + 1), 0.0)]) for k in range(n)]


def test_a_detector_speaks_for_its_road_as_far_as_it_reaches(tmp_path: Path) -> None:
    """It stands on the first of four stretches: the second touches it, the third begins 1.1 km away, the fourth 2.2 km."""
    (found,) = loop_roads(_city(tmp_path, *_pieces(4, LONG)), [("a", 0.01, 0.0001)])
    assert (found.name_en, found.road_class, found.free_kmh) == ("Long Road", "arterial", 50.0)
    assert round(found.length_m) == 3336
    assert found.lines == [[(0.0, 0.0), (0.03, 0.0)]]


def test_two_detectors_share_a_road_by_nearness(tmp_path: Path) -> None:
    found = loop_roads(_city(tmp_path, *_pieces(2, LONG)), [("b", 0.015, 0.0), ("a", 0.005, 0.0)])
    assert [(road.device_id, road.lines) for road in found] == [
        ("b", [[(0.01, 0.0), (0.02, 0.0)]]),
        ("a", [[(0.0, 0.0), (0.01, 0.0)]]),
    ]


def test_a_road_without_a_name_has_no_other_stretches(tmp_path: Path) -> None:
    (found,) = loop_roads(_city(tmp_path, *_pieces(2, NAMELESS)), [("a", 0.005, 0.0)])
    assert (round(found.length_m), found.free_kmh) == (1112, None)


def test_another_class_of_the_same_name_is_another_road(tmp_path: Path) -> None:
    (found,) = loop_roads(
        _city(tmp_path, _pieces(1, LONG)[0], ({**LONG, "class": "local"}, [(0.01, 0.0), (0.02, 0.0)])), [("a", 0.005, 0.0)]
    )
    assert round(found.length_m) == 1112


def test_a_detector_in_a_field_has_no_road(tmp_path: Path) -> None:
    """55 m beside the road; 40 m are near enough."""
    city = _city(tmp_path, *_pieces(1, LONG))
    assert loop_roads(city, [("a", 0.005, 0.0005)]) == []
    assert [road.device_id for road in loop_roads(city, [("a", 0.005, 0.0003)])] == ["a"]
    assert loop_roads(city, []) == []
