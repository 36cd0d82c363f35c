"""Basemap tiles: what is in them can be read by another program and matches the layers they were cut from."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from shapely.geometry import shape

from gis_data import tiles
from gis_data.city import City
from gis_data.layers import Layer
from tests.support.cities import MAX_ZOOM


def _tile_at(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    x, y = shapely.get_coordinates(tiles.world(np.array([shapely.Point(lon, lat)])))[0] * (1 << zoom)
    return math.floor(x), math.floor(y)


def _decoded(data: bytes) -> dict[str, Any]:
    return dict(mapbox_vector_tile.decode(gzip.decompress(data), default_options={"y_coord_down": True}))


def test_tiles_at_the_centre_hold_what_each_zoom_is_to_show(small_city: City) -> None:
    assert small_city.tiles_path is not None
    store = tiles.TileStore(small_city.tiles_path)
    assert store.zooms == (tiles.MIN_ZOOM, MAX_ZOOM)
    expected = {
        8: {"districts", "borders", "roads", "water", "labels"},
        12: {"districts", "roads", "water", "landuse", "green", "rails"},
    }
    for zoom, layers in expected.items():
        x, y = _tile_at(*small_city.centre, zoom)
        data = store.get(zoom, x, y)
        assert data is not None
        assert layers <= set(_decoded(data)), zoom


def test_bay_islands_and_towns_are_named_in_both_languages(small_city: City) -> None:
    assert small_city.tiles_path is not None
    store = tiles.TileStore(small_city.tiles_path)
    x, y = _tile_at(*small_city.centre, 10)
    seen: dict[str, set[tuple[str, str]]] = {}
    for column in range(x - 1, x + 3):
        for row in range(y - 1, y + 2):
            data = store.get(10, column, row)
            for feature in _decoded(data).get("labels", {"features": []})["features"] if data else []:
                names = feature["properties"]
                seen.setdefault(names["kind"], set()).add((names["name_zh"], names["name_en"]))
    assert ("望澜湾", "Wanglan Bay") in seen["sea"]
    assert ("外澜岛", "Outer Lan Island") in seen["island"]
    assert ("狮泉镇", "Shiquan") in seen["town"]


def test_the_sea_goes_on_beyond_the_drawn_country_at_the_widest_zooms(small_city: City) -> None:
    assert small_city.tiles_path is not None
    data = tiles.TileStore(small_city.tiles_path).get(8, *_tile_at(124.8, 29.6, 8))
    assert data is not None
    assert "beyond" in _decoded(data)


def test_a_street_cut_at_its_crossings_bears_its_name_once(tmp_path: Path) -> None:
    row = {"class": "arterial", "name_zh": "一路", "name_en": "First Road"}
    pieces = [(shapely.LineString([(10.1 + k / 1000, 50.1), (10.101 + k / 1000, 50.1)]), row) for k in range(3)]
    tiles.build({"roads": _layer("roads", *pieces)}, tmp_path / "t.pmtiles", 14)
    data = tiles.TileStore(tmp_path / "t.pmtiles").get(13, *_tile_at(10.1015, 50.1, 13))
    assert data is not None
    (road,) = _decoded(data)["roads"]["features"]
    assert road["geometry"]["type"] == "LineString"


def test_there_is_no_tile_where_nothing_is_drawn(small_city: City) -> None:
    assert small_city.tiles_path is not None
    store = tiles.TileStore(small_city.tiles_path)
    assert store.get(10, 0, 0) is None
    assert store.get(3, 1, 1) is None
    assert store.get(10, -1, 5) is None
    assert store.get(10, 1 << 10, 5) is None


def test_local_streets_appear_only_when_near(small_city: City) -> None:
    assert small_city.tiles_path is not None
    store = tiles.TileStore(small_city.tiles_path)
    for zoom, shown in ((9, False), (11, False), (12, True)):
        data = store.get(zoom, *_tile_at(*small_city.centre, zoom))
        assert data is not None
        classes = {f["properties"]["class"] for f in _decoded(data)["roads"]["features"]}
        assert ("local" in classes) is shown, zoom


@pytest.mark.parametrize("zoom", [9, 11, 12])
def test_areas_in_the_tiles_are_the_areas_of_the_layers(small_city: City, zoom: int) -> None:
    """An area turned inside out, a lost hole or a doubled edge would show as area. Simplification costs under 2 %."""
    assert small_city.tiles_path is not None
    store = tiles.TileStore(small_city.tiles_path)
    x, y = _tile_at(*small_city.centre, zoom)
    for name in ("districts", "water", "green"):
        layer = small_city.layer(name)
        assert layer is not None
        kept = [k for k, row in enumerate(layer.properties) if row.get("kind") != "stream"]
        whole = shapely.transform(tiles.world(layer.shapes[kept]), lambda xy: xy * (1 << zoom))
        for column in (x - 1, x, x + 1):
            data = store.get(zoom, column, y)
            assert data is not None
            found = _decoded(data).get(name, {"features": []})["features"]
            drawn = sum(shape(f["geometry"]).area for f in found if f["properties"].get("kind") != "stream") / 4096**2
            edge = tiles.BUFFER
            box = shapely.box(column - edge, y - edge, column + 1 + edge, y + 1 + edge)
            expected = shapely.area(shapely.intersection(shapely.make_valid(whole), box)).sum()
            assert drawn == pytest.approx(expected, rel=0.02, abs=0.01), (name, column)


def test_a_district_carries_its_code_and_both_names(small_city: City) -> None:
    assert small_city.tiles_path is not None
    data = tiles.TileStore(small_city.tiles_path).get(9, *_tile_at(*small_city.centre, 9))
    assert data is not None
    seen = {
        (f["properties"]["code"], f["properties"]["name_zh"], f["properties"]["name_en"])
        for f in _decoded(data)["districts"]["features"]
    }
    assert ("990101", "澜心区", "Lanxin District") in seen


def _layer(name: str, *features: tuple[Any, dict[str, Any]]) -> Layer:
    shapes = np.empty(len(features), dtype=object)
    shapes[:] = [s for s, _ in features]
    return Layer(name, shapes, [row for _, row in features])


def test_a_square_with_a_hole_keeps_its_hole(tmp_path: Path) -> None:
    outer = shapely.box(10.0, 50.0, 10.4, 50.3)
    ring = outer.difference(shapely.box(10.1, 50.1, 10.3, 50.2))
    tiles.build(
        {"districts": _layer("districts", (ring, {"code": "1", "name_zh": "环", "name_en": "Ring"}))}, tmp_path / "t.pmtiles", 9
    )
    data = tiles.TileStore(tmp_path / "t.pmtiles").get(8, *_tile_at(10.2, 50.15, 8))
    assert data is not None
    (feature,) = _decoded(data)["districts"]["features"]
    drawn = shape(feature["geometry"])
    assert len(drawn.interiors) == 1
    assert feature["id"] == 1


def test_points_and_lines_come_back_where_they_were_put(tmp_path: Path) -> None:
    road = shapely.LineString([(10.1, 50.1), (10.2, 50.2), (10.3, 50.1)])
    layers = {
        "roads": _layer("roads", (road, {"class": "expressway", "name_zh": "一路", "name_en": "First Road"})),
        "places": _layer(
            "places", (shapely.Point(10.2, 50.15), {"id": "p", "kind": "hospital", "name_zh": "医院", "name_en": "Hospital"})
        ),
    }
    tiles.build(layers, tmp_path / "t.pmtiles", 12)
    store = tiles.TileStore(tmp_path / "t.pmtiles")
    x, y = _tile_at(10.2, 50.15, 12)
    data = store.get(12, x, y)
    assert data is not None
    (place,) = _decoded(data)["places"]["features"]
    placed = shapely.get_coordinates(tiles.world(np.array([shapely.Point(10.2, 50.15)])))[0] * 4096 - [x, y]
    assert np.array(place["geometry"]["coordinates"]) / 4096 == pytest.approx(placed, abs=1 / 4096)
    assert place["properties"] == {"kind": "hospital", "place": "p", "name_zh": "医院", "name_en": "Hospital"}
    data = store.get(8, *_tile_at(10.2, 50.15, 8))
    assert data is not None
    (line,) = _decoded(data)["roads"]["features"]
    assert line["properties"] == {"class": "expressway"}
    assert len(line["geometry"]["coordinates"]) == 3


def test_a_file_that_is_not_pmtiles_is_named_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "t.pmtiles").write_bytes(b"nothing of the kind" * 10)
    for file in (tmp_path / "t.pmtiles", tmp_path / "absent.pmtiles"):
        with pytest.raises(ValueError, match=r"cannot be read as PMTiles 3 .*build the city again"):
            tiles.TileStore(file)
