"""The map style: complete, in one language, and nothing in it leads outside."""

from __future__ import annotations

import json
import re

import pytest
from pmtiles.reader import MmapSource, Reader

from gis_data.city import City
from gis_data.style import FIRST_LABEL_LAYER, METRO, map_style

WARNING_COLOURS = {"#ff4d4f", "#ff922b", "#ffd43b", "#4dabf7"}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_address_is_our_own_and_no_glyphs_or_sprite_are_asked_for(small_city: City, lang: str) -> None:
    faces = {"Noto Sans SC Bold": [{"url": "fonts/a.woff2", "unicode-range": ["U+4E00"]}]}
    style = map_style(small_city, lang, "http://127.0.0.1:8050/", faces)
    addresses = re.findall(r"https?://[^\"]+", json.dumps(style))
    assert addresses
    assert all(a.startswith("http://127.0.0.1:8050/") and "//" not in a[7:] for a in addresses)
    assert not {"glyphs", "sprite"} & set(style)


def test_layers_are_distinct_and_draw_what_the_tiles_hold(small_city: City) -> None:
    style = map_style(small_city, "zh", "http://h")
    ids = [layer["id"] for layer in style["layers"]]
    assert len(set(ids)) == len(ids)
    assert FIRST_LABEL_LAYER in ids
    assert all(
        layer["type"] == "symbol" or layer["id"] in ("station-dot", "place-dot")
        for layer in style["layers"][ids.index(FIRST_LABEL_LAYER) :]
    )


def test_every_layer_draws_from_the_tiles_of_the_demonstration_city(small_city: City) -> None:
    assert small_city.tiles_path is not None
    with small_city.tiles_path.open("rb") as file:
        told = Reader(MmapSource(file)).metadata()
    held = {layer["id"] for layer in told["vector_layers"]}
    style = map_style(small_city, "zh", "http://h")
    asked = {layer["source-layer"] for layer in style["layers"] if "source-layer" in layer}
    assert asked <= held
    assert held - asked == set()


def test_metro_lines_are_told_apart_and_named(small_city: City) -> None:
    layers = {layer["id"]: layer for layer in map_style(small_city, "zh", "http://h")["layers"]}
    assert len(set(METRO.values())) == len(METRO)
    assert layers["metro-name"]["paint"]["text-color"] == layers["metro"]["paint"]["line-color"]


def test_text_is_at_least_thirteen_pixels_high(small_city: City) -> None:
    def sizes(value: object) -> list[float]:
        if isinstance(value, list) and value[0] == "interpolate":
            return [float(v) for v in value[4::2]]
        assert isinstance(value, int | float)
        return [float(value)]

    for layer in map_style(small_city, "en", "http://h")["layers"]:
        if layer["type"] == "symbol":
            assert min(sizes(layer["layout"]["text-size"])) >= 13, layer["id"]


def test_labels_speak_the_language_asked_for(small_city: City) -> None:
    for lang, first in (("zh", "name_zh"), ("en", "name_en")):
        names = [
            layer["layout"]["text-field"]
            for layer in map_style(small_city, lang, "http://h")["layers"]
            if layer["type"] == "symbol"
        ]
        assert names
        assert all(name[1] == ["get", first] for name in names)
    with pytest.raises(ValueError, match="lang is 'fr': expected zh or en"):
        map_style(small_city, "fr", "http://h")


def test_the_four_warning_colours_stay_off_the_map(small_city: City) -> None:
    assert not WARNING_COLOURS & set(re.findall(r"#[0-9a-f]{6}", json.dumps(map_style(small_city, "zh", "http://h")).lower()))
