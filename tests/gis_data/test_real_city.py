"""Real cities from TOML files: what they give, and one sentence for everything that can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from gis_data import real_city
from gis_data.city import build_city, load_city
from gis_data.crs import Crs, from_wgs84

CITIES = Path(__file__).parents[2] / "config" / "cities"
DATA = Path(__file__).parents[2].parent / "shared" / "data"


def test_layers_are_read_named_and_assigned(config: Path, tmp_path: Path) -> None:
    city = build_city(config, tmp_path / "out")
    assert [(d.code, d.name_zh, d.name_en, d.population) for d in city.districts] == [
        ("1", "东区", "East", None),
        ("2", "西区", "West", None),
    ]
    market, far = city.places
    assert (market.id, market.name_zh, market.name_en, market.district_code) == ("p1", "停车场 Market", "Market", "1")
    assert market.attributes == {"capacity": 120}
    assert (far.district_code, far.attributes) == (None, {"capacity": None})
    assert city.bounds == (-0.1, 0, 0.1, 0.1)
    assert city.roads() is None
    assert city.tiles_path is not None
    assert city.population is None


def test_gcj02_layers_arrive_in_wgs84(config: Path, tmp_path: Path) -> None:
    east, north = (float(v) for v in from_wgs84(113.65, 34.76, Crs.GCJ02))
    (tmp_path / "parking.csv").write_text(f"key,label,x,y,size\np1,Market,{east!r},{north!r},1\n")
    text = config.read_text(encoding="utf-8")
    head, tail = text.split('layer = "places"')
    config.write_text(head + 'layer = "places"' + tail.replace('"EPSG:4326"', '"GCJ-02"'), encoding="utf-8")
    (place,) = build_city(config, tmp_path / "out").places
    assert (place.lon, place.lat) == pytest.approx((113.65, 34.76), abs=1e-6)


def test_without_districts_one_area_is_drawn_around_the_places(config: Path, tmp_path: Path) -> None:
    text = config.read_text(encoding="utf-8")
    first, second = text.index("[[layers]]"), text.index("[[layers]]", text.index("[[layers]]") + 1)
    config.write_text(text[:first] + text[second:] + '\n[area]\ncode = "two"\nmargin_m = 1000\n', encoding="utf-8")
    city = build_city(config, tmp_path / "out")
    assert [(d.code, d.name_en) for d in city.districts] == [("two", "Twotown")]
    assert {p.district_code for p in city.places} == {"two"}
    west, south, *_ = city.bounds
    assert (0.05 - west) * 111_200 == pytest.approx(1000, rel=0.02)
    assert (0.05 - south) * 111_200 == pytest.approx(1000, rel=0.02)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('crs = "EPSG:4326"', 'crs = "EPSG:3857"', r"layers\[1\] \(districts\)\.crs is 'EPSG:3857': expected one of EPSG:4326"),
        ('crs = "EPSG:4326"', "", r"layers\[1\] \(districts\)\.crs is missing: every layer says its coordinate system"),
        (
            'file = "districts.geojson"',
            'file = "gone.geojson"',
            r"layers\[1\] \(districts\)\.file: .*gone\.geojson does not exist.*--data",
        ),
        ('code = "adcode"', 'code = "postcode"', r"columns\.code is 'postcode': .* has no such column; it has adcode, name"),
        (
            'lon = "x"',
            'lon = "label"',
            r"columns\.lon: .*parking\.csv, row 1 after the header, holds 'Market': expected a number of degrees",
        ),
        ('layer = "districts"', 'layer = "quarters"', r"layers\[1\]\.layer is 'quarters': expected one of districts, places"),
        ('kind = "parking"', "", r"layers\[2\] \(places\)\.kind is None: expected what these places are"),
        ('id = "key"', 'id = "{nokey}"', r"the pattern '\{nokey\}' needs 'nokey'.*it has key, label, x, y, size"),
        (
            'attributes = { capacity = "size" }',
            'attributes = { capacity = "room" }',
            r"attributes\.capacity is 'room': .* has no such column",
        ),
        ('zone = "Asia/Shanghai"', 'zone = "Asia/Nowhere"', r"city\.zone is 'Asia/Nowhere': expected an IANA time zone"),
        ('name_en = "Twotown"', "", r"city\.name_en is None: expected a text"),
        ('data = "."', 'data = "gone"', r"city\.data leads to .*gone, which is no folder.*--data"),
        ('data = "."', 'datum = "."', r"city\.datum is not known"),
        ("[city]", "[town]", r"town is not known here: expected \[city\]"),
        ("[city]", "[city", r"city\.toml: not TOML"),
        ('code = "adcode"', 'code = "name"', ""),
    ],
)
def test_a_fault_is_one_sentence_and_leaves_nothing_behind(config: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new, 1), encoding="utf-8")
    out = tmp_path / "out"
    if not said:
        assert build_city(config, out).districts[0].code == "东区"
        return
    with pytest.raises(ValueError, match=said) as fault:
        build_city(config, out)
    assert "\n" not in str(fault.value)
    assert str(config) in str(fault.value)
    assert not list(tmp_path.glob("*out*"))


def test_swapped_columns_and_doubled_ids_are_found(config: Path, tmp_path: Path) -> None:
    (tmp_path / "parking.csv").write_text("key,label,x,y,size\np1,A,34.7,113.6,1\n")
    with pytest.raises(ValueError, match=r"layers\[2\] \(places\) in .*parking\.csv: point 0 is \(34\.7, 113\.6\).*swapped"):
        build_city(config, tmp_path / "out")
    (tmp_path / "parking.csv").write_text("key,label,x,y,size\np1,A,1,1,1\np1,B,1,1,1\n")
    with pytest.raises(ValueError, match=r"places has id 'p1' twice.*columns\.id"):
        build_city(config, tmp_path / "out")


def test_a_failed_build_leaves_the_older_city_as_it_was(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_city(config, out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    (tmp_path / "districts.geojson").write_text("{broken")
    with pytest.raises(ValueError, match=r"districts\.geojson: not JSON"):
        build_city(config, out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    (tmp_path / "districts.geojson").write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"adcode":1,"name":"x"},"geometry":{"type":"Point","coordinates":[0,0]}}]}'
    )
    with pytest.raises(ValueError, match=r"feature 0 of .*districts\.geojson is Point: expected polygons"):
        build_city(config, out)


def test_an_unbuilt_or_foreign_directory_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"city\.json: no such file: build the city first"):
        load_city(tmp_path)
    (tmp_path / "city.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format is 99: expected 1; build the city again"):
        load_city(tmp_path)


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there: real data sets are kept beside the project")


@needs_data
@pytest.mark.parametrize("name", sorted(p.stem for p in CITIES.glob("*.toml")))
def test_the_shipped_configurations_can_be_read(name: str) -> None:
    about, found = real_city.gather(CITIES / f"{name}.toml", DATA)
    assert about["name_zh"]
    codes = {row["code"] for row in found["districts"].properties}
    places = found["places"].properties if "places" in found else []
    assert {row["district"] for row in places} <= codes


@needs_data
def test_the_car_parks_of_dresden_become_a_city(tmp_path: Path) -> None:
    city = build_city(CITIES / "dresden.toml", tmp_path / "dresden", DATA)
    assert len(city.places) == 26
    assert city.places_of("parking")[0].attributes["capacity"] == 400
    assert city.tiles_path is not None


@needs_data
def test_zhengzhou_lies_where_gps_says() -> None:
    """The tower 二七塔 stands at about 113.6605 E 34.7525 N (WGS-84); a point 700 m south-west of it is well inside 二七区."""
    _, found = real_city.gather(CITIES / "zhengzhou.toml", DATA)
    (index,) = shapely.STRtree(found["districts"].shapes).query(shapely.Point(113.655, 34.748), predicate="intersects")
    assert found["districts"].properties[index]["name_zh"] == "二七区"
