"""The demonstration city: the same bytes from a seed, and a city that hangs together."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy import sparse
from scipy.sparse import csgraph

from gis_data import demo_city
from gis_data.city import ROAD_CLASSES, City, build_demo_city, ensure_demo_city, load_city
from tests.gis_data.conftest import DETAIL, MAX_ZOOM, SEED


def _fingerprint(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes(small_city: City, tmp_path: Path) -> None:
    again = build_demo_city(tmp_path / "again", SEED, DETAIL, MAX_ZOOM)
    assert _fingerprint(again.path) == _fingerprint(small_city.path)


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
    least |= {"school": 50, "shelter": 24, "warehouse": 5, "metro_station": 20}
    assert {kind: n for kind, n in least.items() if counted.get(kind, 0) < n} == {}
    assert len({p.id for p in small_city.places}) == len(small_city.places)
    halls = small_city.places_of("service_hall")
    assert {h.district_code for h in halls} == {d.code for d in small_city.districts}
    assert sum(h.attributes["windows"] for h in halls) >= 200


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
def test_the_full_city_has_five_thousand_junctions(tmp_path: Path) -> None:
    city = build_demo_city(tmp_path / "city")
    graph = city.roads()
    assert graph is not None
    assert len(graph.node_lon) >= 5000
    assert city.tiles_path is not None
