"""A real city's configuration, correct in every respect."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A two-district city with one car park, correct in every respect; tests break one thing in it."""
    (tmp_path / "districts.geojson").write_text(
        """{"type":"FeatureCollection","features":[
        {"type":"Feature","properties":{"adcode":1,"name":"东区"},"geometry":{"type":"Polygon","coordinates":[[[0,0],[0.1,0],[0.1,0.1],[0,0.1],[0,0]]]}},
        {"type":"Feature","properties":{"adcode":2,"name":"西区"},"geometry":{"type":"Polygon","coordinates":[[[-0.1,0],[0,0],[0,0.1],[-0.1,0.1],[-0.1,0]]]}}]}""",
        encoding="utf-8",
    )
    (tmp_path / "parking.csv").write_text("key,label,x,y,size\np1,Market,0.05,0.05,120\np2,Far away,0.5,0.5,\n", encoding="utf-8")
    file = tmp_path / "city.toml"
    file.write_text(
        """
[city]
name_zh = "两区市"
name_en = "Twotown"
zone = "Asia/Shanghai"
data = "."

[[layers]]
layer = "districts"
file = "districts.geojson"
crs = "EPSG:4326"
columns = { code = "adcode", name_zh = "name" }
names_en = { 1 = "East", "西区" = "West" }

[[layers]]
layer = "places"
kind = "parking"
file = "parking.csv"
crs = "EPSG:4326"
columns = { id = "key", name_zh = "停车场 {label}", name_en = "label", lon = "x", lat = "y" }
attributes = { capacity = "size" }
""",
        encoding="utf-8",
    )
    return file
