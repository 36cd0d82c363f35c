"""The map style: complete, in one language, and nothing in it leads outside."""

from __future__ import annotations

import json
import re

import pytest

from gis_data.city import City
from gis_data.style import FIRST_LABEL_LAYER, map_style

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
        layer["type"] == "symbol" or layer["id"] == "station-dot" for layer in style["layers"][ids.index(FIRST_LABEL_LAYER) :]
    )


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
