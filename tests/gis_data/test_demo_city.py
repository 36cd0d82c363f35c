"""The demonstration city: the same bytes from a seed, and a city that hangs together."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from gis_data import demo_city
from gis_data.city import ROAD_CLASSES, City, StockItem, build_demo_city, ensure_demo_city, load_city
from gis_data.demo import underpasses
from gis_data.tiles import TileStore
from tests.support.cities import DETAIL, MAX_ZOOM, SEED


def _fingerprint(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.mark.long
def test_the_same_seed_gives_the_same_bytes_in_another_process_with_other_hashes(small_city: City, tmp_path: Path) -> None:
    order = (
        f"from gis_data.city import build_demo_city; build_demo_city({str(tmp_path / 'again')!r}, {SEED}, {DETAIL}, {MAX_ZOOM})"
    )
    other = str((int(os.environ.get("PYTHONHASHSEED", "0").replace("random", "0")) + 1) % 1000)
    subprocess.run([sys.executable, "-c", order], check=True, env={**os.environ, "PYTHONHASHSEED": other}, timeout=300)
    assert _fingerprint(tmp_path / "again") == _fingerprint(small_city.path)


def test_the_city_has_twelve_named_districts_that_cover_it_without_overlap(small_city: City) -> None:
    assert len(small_city.districts) == 12
    assert len({d.name_zh for d in small_city.districts}) == len({d.name_en for d in small_city.districts}) == 12
    assert [d.code for d in small_city.districts] == [f"9901{n:02d}" for n in range(1, 13)]
    polygons = np.array([d.polygon for d in small_city.districts])
    assert shapely.is_valid(polygons).all()
    together, apart = shapely.area(shapely.union_all(polygons)), shapely.area(polygons).sum()
    assert together == pytest.approx(apart, rel=1e-4)
    for district in small_city.districts:
        assert small_city.district_of(*district.centroid) == district


def test_residents_add_up_from_squares_to_districts_to_city(small_city: City) -> None:
    squares = small_city.layer("population")
    assert squares is not None
    by_district: dict[str, int] = {}
    for row in squares.properties:
        by_district[row["district"]] = by_district.get(row["district"], 0) + row["population"]
    assert by_district == {d.code: d.population for d in small_city.districts}
    assert sum(by_district.values()) == small_city.population == 6_180_000


def test_every_place_lies_in_the_district_it_names_and_on_dry_land(small_city: City) -> None:
    water = small_city.layer("water")
    assert water is not None
    wet = shapely.union_all(water.shapes)
    shapely.prepare(wet)
    for place in small_city.places:
        district = small_city.district_of(place.lon, place.lat)
        assert district is not None, place.id
        assert district.code == place.district_code, place.id
        assert place.kind in ("metro_station", "railway_station") or not wet.contains(shapely.Point(place.lon, place.lat)), (
            place.id
        )


def test_the_city_has_the_places_that_its_services_need(small_city: City) -> None:
    counted = {kind: len(small_city.places_of(kind)) for kind in {p.kind for p in small_city.places}}
    least = {"service_hall": 12, "fire_station": 12, "police_station": 12, "ambulance_station": 12, "hospital": 12}
    least |= {"school": 50, "shelter": 24, "warehouse": 12, "metro_station": 20, "underpass": 16, "factory": 24}
    least |= {"substation": 24, "pumping_station": 12, "mall": 20, "square": 16, "depot": 12}
    assert {kind: n for kind, n in least.items() if counted.get(kind, 0) < n} == {}
    assert len({p.id for p in small_city.places}) == len(small_city.places)
    halls = small_city.places_of("service_hall")
    assert {h.district_code for h in halls} == {d.code for d in small_city.districts}
    assert sum(h.attributes["windows"] for h in halls) >= 200


def test_each_district_has_one_main_hall(small_city: City) -> None:
    main = [h.district_code for h in small_city.places_of("service_hall") if h.attributes["is_main"]]
    assert sorted(str(code) for code in main) == [d.code for d in small_city.districts]


def test_an_underpass_lies_on_the_road_it_names_and_the_road_names_it(small_city: City) -> None:
    roads = small_city.layer("roads")
    graph = small_city.roads()
    assert roads is not None
    assert graph is not None
    dips = small_city.places_of("underpass")
    for dip in dips:
        row = roads.properties[dip.attributes["road"]]
        assert (row["underpass"], row["name_zh"]) == (dip.id, dip.attributes["road_zh"])
        assert row["class"] in ("arterial", "secondary")
        assert roads.shapes[dip.attributes["road"]].distance(shapely.Point(dip.lon, dip.lat)) * 111_000 < 2
        assert len(graph.arcs_of(dip.attributes["road"])) == 2
    assert sum("underpass" in row for row in roads.properties) == len(dips)


def test_the_pumps_of_an_underpass_were_designed_for_a_storm_of_one_to_five_years(small_city: City) -> None:
    assert underpasses.design_rain_mm_h(5) == pytest.approx(58.1, abs=0.1)  # the figure Shanghai plans with
    for dip in small_city.places_of("underpass"):
        litres_s_ha = 1000 * dip.attributes["pump_m3_s"] / dip.attributes["catchment_ha"]
        low, high = (0.9 * underpasses.design_rain_mm_h(years) / 0.36 for years in (1, 5))
        assert low * 0.93 < litres_s_ha < high * 1.07, dip.id  # pumps are told to 10 l/s
        assert 800 < dip.attributes["area_m2"] < 2200


def test_some_works_hold_ammonia_and_most_do_not(small_city: City) -> None:
    works = small_city.places_of("factory")
    holding = [f for f in works if f.attributes.get("ammonia_t")]
    assert 4 <= len(holding) < len(works) / 2
    assert {f.attributes["product_zh"] for f in holding} <= {"冷冻食品", "氮肥", "水产冷藏", "啤酒", "制冰"}


def test_every_warehouse_says_what_it_holds(small_city: City) -> None:
    stock = small_city.stock()
    assert {item.warehouse_id for item in stock} == {w.id for w in small_city.places_of("warehouse")}
    assert all(item.quantity >= 1 and item.name("zh") and item.name("en") and item.unit("zh") for item in stock)
    assert len({(item.warehouse_id, item.key) for item in stock}) == len(stock)
    assert {"water", "sandbag", "pump", "chemical_suit"} <= {item.key for item in stock}
    assert {item.key for item in stock if item.shelf_life_days} >= {"water", "meal", "mask"}


def test_what_perishes_is_replaced_on_the_day_after_its_last() -> None:
    water = StockItem("w", "water", "水", "Water", "箱", "cases", 10, 30, date(2020, 1, 1))
    assert water.expires_on(date(2020, 1, 1)) == water.expires_on(date(2020, 1, 30)) == date(2020, 1, 30)
    assert water.expires_on(date(2020, 1, 31)) == date(2020, 2, 29)
    tents = StockItem("w", "tent", "帐篷", "Tent", "顶", "tents", 10, None, None)
    assert tents.expires_on(date(2020, 1, 31)) is None


def test_stock_of_any_day_is_in_date(small_city: City) -> None:
    for day in (date(2026, 1, 1) + timedelta(days=97 * k) for k in range(8)):
        for item in small_city.stock():
            last = item.expires_on(day)
            assert last is None or timedelta(0) <= last - day < timedelta(days=item.shelf_life_days or 0)


def test_a_square_is_open_ground_of_its_size(small_city: City) -> None:
    ground = small_city.layer("landuse")
    assert ground is not None
    open_ = [shape for shape, row in zip(ground.shapes, ground.properties, strict=True) if row["use"] == "square"]
    for square in small_city.places_of("square"):
        assert sum(shape.contains(shapely.Point(square.lon, square.lat)) for shape in open_) == 1, square.id


def test_the_roads_are_one_network_that_can_be_driven_everywhere(small_city: City) -> None:
    graph = small_city.roads()
    assert graph is not None
    n = len(graph.node_lon)
    links = sparse.coo_array((graph.arc_travel_s, (graph.arc_from, graph.arc_to)), shape=(n, n))
    _, group = csgraph.connected_components(links, connection="strong")
    assert np.bincount(group).max() >= 0.95 * n
    assert (graph.arc_travel_s > 0).all()
    assert set(graph.arc_class.tolist()) == set(range(len(ROAD_CLASSES)))


def test_travel_times_follow_from_length_and_the_speed_of_the_class(small_city: City) -> None:
    graph, roads = small_city.roads(), small_city.layer("roads")
    assert graph is not None
    assert roads is not None
    speed = np.array([roads.properties[k]["speed_kmh"] for k in graph.arc_road])
    assert graph.arc_travel_s == pytest.approx(graph.arc_length_m / (speed / 3.6), abs=0.11)
    assert [roads.properties[k]["class"] for k in graph.arc_road[:50]] == [ROAD_CLASSES[c] for c in graph.arc_class[:50]]


def test_bridges_are_marked_on_the_arcs_and_stand_over_water(small_city: City) -> None:
    graph, roads, water = small_city.roads(), small_city.layer("roads"), small_city.layer("water")
    assert graph is not None
    assert roads is not None
    assert water is not None
    assert graph.arc_bridge.tolist() == [bool(roads.properties[k]["bridge"]) for k in graph.arc_road]
    assert 20 < graph.arc_bridge.sum() < 0.1 * len(graph.arc_bridge)
    wet = shapely.union_all(water.shapes)
    assert all(shapely.intersects(wet, roads.shapes[np.unique(graph.arc_road[graph.arc_bridge])]))


def test_the_speed_of_an_arc_is_that_of_its_class(small_city: City) -> None:
    graph = small_city.roads()
    assert graph is not None
    free = np.array([80.0, 50.0, 40.0, 30.0])[graph.arc_class]
    long = graph.arc_length_m > 100
    assert graph.arc_speed_kmh[long] == pytest.approx(free[long], rel=0.01)


def test_no_larger_street_ends_among_lanes(small_city: City) -> None:
    """Where an arterial or secondary street ends, another of its like goes on, unless it leaves the map or is a country road."""
    graph = small_city.roads()
    assert graph is not None
    n = len(graph.node_lon)
    large = np.bincount(graph.arc_from[graph.arc_class < 3], minlength=n)
    inside = shapely.intersects(
        shapely.union_all([d.polygon for d in small_city.districts]), shapely.points(graph.node_lon, graph.node_lat)
    )
    tails = (large[graph.arc_from] == 1) & inside[graph.arc_from] & np.isin(graph.arc_class, (1, 2)) & (graph.arc_length_m < 3000)
    assert tails.sum() == 0


def test_borders_between_districts_in_the_city_follow_streets_and_water(small_city: City) -> None:
    roads, water = small_city.layer("roads"), small_city.layer("water")
    assert roads is not None
    assert water is not None
    heart = shapely.Point(small_city.centre).buffer(0.05)
    polygons = np.array([d.polygon for d in small_city.districts])
    inner = shapely.union_all(shapely.boundary(polygons)).intersection(heart)
    streets = roads.shapes[[row["class"] != "local" for row in roads.properties]]
    near = shapely.union_all(shapely.buffer(streets[shapely.intersects(streets, heart)], 0.0002))
    near = shapely.union_all([near, shapely.union_all(water.shapes).intersection(heart)])
    assert inner.intersection(near).length > 0.75 * inner.length


def test_a_road_runs_between_the_nodes_of_its_arc(small_city: City) -> None:
    graph, roads = small_city.roads(), small_city.layer("roads")
    assert graph is not None
    assert roads is not None
    for arc in range(0, len(graph.arc_from), 97):
        line = shapely.get_coordinates(roads.shapes[graph.arc_road[arc]])
        ends = {(graph.node_lon[k], graph.node_lat[k]) for k in (graph.arc_from[arc], graph.arc_to[arc])}
        assert {tuple(np.round(line[0], 6)), tuple(np.round(line[-1], 6))} == ends


def test_only_bridges_and_tunnels_cross_the_river(small_city: City) -> None:
    water, roads = small_city.layer("water"), small_city.layer("roads")
    assert water is not None
    assert roads is not None
    river = shapely.union_all([s for s, row in zip(water.shapes, water.properties, strict=True) if row["kind"] == "river"])
    local = np.array([row["class"] == "local" for row in roads.properties])
    within = shapely.length(shapely.intersection(roads.shapes[local], river)).sum()
    assert within < 0.003 * shapely.length(roads.shapes[local]).sum()


def test_roads_have_names_in_both_languages(small_city: City) -> None:
    roads = small_city.layer("roads")
    assert roads is not None
    assert all(row["name_zh"] and row["name_en"].isascii() for row in roads.properties)


def test_a_city_of_this_version_is_not_built_again(small_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def small(out_dir: Path, seed: int | None = None) -> City:
        built.append(1)
        out_dir.mkdir()
        for file in small_city.path.iterdir():
            (out_dir / file.name).write_bytes(file.read_bytes())
        about = json.loads((out_dir / "city.json").read_bytes())
        about["generator"] = demo_city.about(demo_city.DEFAULT_SEED, 1.0)["generator"]
        (out_dir / "city.json").write_text(json.dumps(about))
        return load_city(out_dir)

    monkeypatch.setattr("gis_data.city.build_demo_city", small)
    ensure_demo_city(tmp_path / "city")
    ensure_demo_city(tmp_path / "city")
    assert len(built) == 1


@pytest.mark.long
def test_the_full_city_has_five_thousand_junctions_and_tiles_from_zoom_8_to_16(tmp_path: Path) -> None:
    city = build_demo_city(tmp_path / "city")
    graph = city.roads()
    assert graph is not None
    assert len(graph.node_lon) >= 5000
    assert city.tiles_path is not None
    first, last = TileStore(city.tiles_path).zooms
    assert first <= 8
    assert last == 16
    assert len(city.places_of("underpass")) >= 16
    assert len(city.places_of("square")) >= 16
    assert sum(h.attributes["windows"] for h in city.places_of("service_hall")) >= 200
