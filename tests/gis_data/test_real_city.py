"""Real cities from TOML files: what they give, and one sentence for everything that can be wrong."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from gis_data import real_city
from gis_data.city import build_city, load_city
from gis_data.crs import Crs, from_wgs84
from gis_data.layers import Layer

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


GRAPH = """
[roads]
crs = "EPSG:4326"
nodes = { file = "nodes.csv", skip_rows = 1, columns = { id = "no", lon = "x", lat = "y" } }
arcs = { file = "arcs.csv", columns = { from = "a", to = "b", travel = "minutes" } }
travel_factor = 60
least_kmh = { expressway = 60 }
"""


@pytest.fixture
def roads(config: Path, tmp_path: Path) -> Path:
    """Three crossings 0.01° apart on the equator (1,112 m), 7 - 8 - 9: fast both ways, then slow eastwards only."""
    (tmp_path / "nodes.csv").write_text("nodes,3,,\nno,x,y,\n7.0,0,0,\n8.0,0.01,0,,\n9.0,0.02,0,\n,,,\n")
    (tmp_path / "arcs.csv").write_text("a,b,minutes\n7,8,1\n8,7,1.5\n8,9,4\n")
    config.write_text(config.read_text(encoding="utf-8") + GRAPH, encoding="utf-8")
    return config


def test_a_graph_becomes_roads_and_the_roads_a_graph(roads: Path, tmp_path: Path) -> None:
    city = build_city(roads, tmp_path / "out")
    drawn, graph = city.layer("roads"), city.roads()
    assert drawn is not None
    assert graph is not None
    rows = [(row["class"], row["travel_s"], row["back_s"]) for row in drawn.properties]
    assert rows == [("expressway", 60, 90), ("local", 240, None)]
    assert (graph.node_lon.tolist(), graph.node_lat.tolist()) == ([0, 0.01, 0.02], [0, 0, 0])
    arcs = zip(graph.arc_from.tolist(), graph.arc_to.tolist(), graph.arc_travel_s.tolist(), graph.arc_road.tolist(), strict=True)
    assert list(arcs) == [(0, 1, 60, 0), (1, 0, 90, 0), (1, 2, 240, 1)]
    assert graph.arc_length_m == pytest.approx([1112, 1112, 1112], abs=1)


def test_roads_without_travel_times_are_drawn_and_are_no_graph() -> None:
    line = np.array([shapely.LineString([(0, 0), (1, 1)])], dtype=object)
    assert real_city.road_tables(Layer("roads", line, [{"class": "local"}])) == {}
    assert real_city.road_tables(None) == {}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('crs = "EPSG:4326"\nnodes', "nodes", r"roads\.crs is missing: roads say their coordinate system"),
        ('to = "b", ', "", r"roads\.arcs is .*: expected a table with file and columns for from, to, travel"),
        ("expressway = 60", "motorway = 60", r"roads\.least_kmh\.motorway is not a road class: expected expressway, arterial"),
        ("travel_factor = 60", "travel_factor = 0", r"roads\.arcs: row 1 takes 0 s: expected more than 0"),
        ('travel = "minutes"', 'travel = "hours"', r"roads\.arcs\.columns\.travel is 'hours': .* it has a, b, minutes"),
        ("skip_rows = 1", "skip_rows = 0", r"roads\.nodes\.file: .*nodes\.csv cannot be read|roads\.nodes\.columns\.id is 'no'"),
        ("travel_factor = 60", 'travel_factor = "60"', r"roads\.travel_factor is '60': expected a number"),
        ("expressway = 60", 'expressway = "fast"', r"roads\.least_kmh\.expressway is 'fast': expected a number"),
        ("travel_factor = 60", "lanes = 2", r"roads\.lanes is not known: expected arcs, crs, least_kmh"),
    ],
)
def test_a_fault_of_a_graph_is_one_sentence(roads: Path, old: str, new: str, said: str) -> None:
    text = roads.read_text(encoding="utf-8")
    assert old in text
    roads.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=said) as fault:
        real_city.gather(roads)
    assert "\n" not in str(fault.value)


def test_an_arc_to_nowhere_and_a_ragged_line_are_found(roads: Path, tmp_path: Path) -> None:
    (tmp_path / "arcs.csv").write_text("a,b,minutes\n7,8,1\n8,5,1\n")
    with pytest.raises(ValueError, match=r"roads\.arcs: row 2 goes to 5, which is no id in nodes\.csv"):
        real_city.gather(roads)
    (tmp_path / "arcs.csv").write_text("a,b,minutes\n7,8,1,9\n")
    with pytest.raises(ValueError, match=r"arcs\.csv cannot be read .*a line has 4 cells where the header has 3: 7,8,1,9"):
        real_city.gather(roads)
    (tmp_path / "nodes.csv").write_text("nodes\nno,x,y\n7,0,0\n7,1,1\n")
    (tmp_path / "arcs.csv").write_text("a,b,minutes\n7,7,1\n")
    with pytest.raises(ValueError, match=r"roads\.nodes: the id 7 is there twice"):
        real_city.gather(roads)
    (tmp_path / "arcs.csv").write_text("a,b,minutes\n7,,1\n")
    with pytest.raises(ValueError, match=r"arcs\.csv, row 1 after the header, lacks a number"):
        real_city.gather(roads)


def test_rows_are_chosen_by_their_values_and_named_in_both_languages(config: Path, tmp_path: Path) -> None:
    (tmp_path / "parking.csv").write_text(
        "key,label,x,y,size\np1,Market,0.05,0.05,1\np2,Planned,0.05,0.05,1\np3,Quay,0.05,0.05,1\n"
    )
    text = config.read_text(encoding="utf-8").replace('name_zh = "停车场 {label}"', 'name_zh = "label"')
    config.write_text(text + 'leave_out = { label = "Planned" }\nnames_zh = { Market = "市场", p3 = "x" }\n', encoding="utf-8")
    _, found = real_city.gather(config)
    assert [(row["name_zh"], row["name_en"]) for row in found["places"].properties] == [("市场", "Market"), ("Quay", "Quay")]
    config.write_text(text + 'only = { label = ["Quay"] }\n', encoding="utf-8")
    assert [row["id"] for row in real_city.gather(config)[1]["places"].properties] == ["p3"]
    config.write_text(text + 'only = { label = ["Quai"] }\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"only\.label names 'Quai': .*parking\.csv has no row with it"):
        real_city.gather(config)


def test_what_another_file_has_of_each_place_is_counted(config: Path, tmp_path: Path) -> None:
    (tmp_path / "cars.csv").write_text("lot\np1\np1\np9\n")
    text = config.read_text(encoding="utf-8")
    config.write_text(text + 'count = { cars = { file = "cars.csv", column = "lot", of = "key" } }\n', encoding="utf-8")
    places = real_city.gather(config)[1]["places"].properties
    assert [row["attributes"] for row in places] == [{"capacity": 120, "cars": 2}, {"capacity": None, "cars": 0}]
    config.write_text(text + 'count = { cars = { file = "cars.csv", column = "lot" } }\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"count\.cars\.of is None: expected file, its column, and of"):
        real_city.gather(config)


needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there: real data sets are kept beside the project")


@needs_data
@pytest.mark.parametrize("name", sorted(p.stem for p in CITIES.glob("*.toml")))
def test_the_shipped_configurations_can_be_read(name: str) -> None:
    about, found = real_city.gather(CITIES / f"{name}.toml", DATA)
    assert about["name_zh"]
    codes = {row["code"] for row in found["districts"].properties}
    places = found["places"].properties if "places" in found else []
    outside = [row["name_en"] for row in places if row["district"] is None]
    assert {row["district"] for row in places if row["district"] is not None} <= codes
    assert name == "houston" or not outside  # its stations include those of towns near by


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


@needs_data
def test_san_francisco_has_its_neighbourhoods_and_stations_and_no_roads() -> None:
    about, found = real_city.gather(CITIES / "san_francisco.toml", DATA)
    assert about["zone"] == "America/Los_Angeles"
    assert len(found["districts"].shapes) == 37
    names = {row["name_en"]: row["name_zh"] for row in found["districts"].properties}
    assert names["Chinatown"] == "唐人街"
    assert not [name for name, zh in names.items() if zh == name]
    assert len(found["places"].shapes) == 45
    assert "roads" not in found


@needs_data
def test_manhattan_has_a_road_graph_on_which_every_station_reaches_every_hospital() -> None:
    _, found = real_city.gather(CITIES / "manhattan.toml", DATA)
    tables = real_city.road_tables(found["roads"])
    nodes, arcs = (pd.read_csv(io.StringIO(tables[name])) for name in ("nodes.csv", "arcs.csv"))
    assert (len(nodes), len(arcs)) == (16_811, 24_437)
    n, _ = connected_components(
        csr_matrix((arcs["travel_s"], (arcs["from"], arcs["to"])), shape=(len(nodes),) * 2), connection="strong"
    )
    assert n == 1
    kinds = {row["kind"]: 0 for row in found["places"].properties}
    assert set(kinds) == {"ambulance_station", "hospital"}
    assert sum(row["attributes"].get("ambulances", 0) for row in found["places"].properties) == 12


@needs_data
def test_houston_leaves_out_stations_that_were_never_built() -> None:
    _, found = real_city.gather(CITIES / "houston.toml", DATA)
    assert (len(found["districts"].shapes), len(found["places"].shapes)) == (88, 109)
    assert not [row["name_en"] for row in found["places"].properties if "Proposed" in row["name_en"]]
