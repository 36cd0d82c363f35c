"""Areas: residents by share of each square, places by where they stand; and the demonstration city's sums by district."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from gis_data import areas
from gis_data.city import City, write_city
from gis_data.layers import Layer


def _layer(name: str, *features: tuple[shapely.Geometry, dict[str, object]]) -> Layer:
    shapes = np.empty(len(features), dtype=object)
    shapes[:] = [shape for shape, _ in features]
    return Layer(name, shapes, [row for _, row in features])


@pytest.fixture
def two_squares(tmp_path: Path) -> City:
    """Two districts side by side on the equator, a hundredth of a degree each: 1,000 people west, 400 east, a hospital east."""
    west, east = shapely.box(0, 0, 0.01, 0.01), shapely.box(0.01, 0, 0.02, 0.01)
    beds = {"id": "h", "kind": "hospital", "name_zh": "医院", "name_en": "Hospital", "district": "2", "attributes": {"beds": 300}}
    return write_city(
        tmp_path / "city",
        {"name_zh": "双区", "name_en": "Two", "zone": "UTC"},
        {
            "districts": _layer(
                "districts",
                (west, {"code": "1", "name_zh": "西", "name_en": "West", "population": 1000}),
                (east, {"code": "2", "name_zh": "东", "name_en": "East", "population": 400}),
            ),
            "population": _layer(
                "population", (west, {"population": 1000, "district": "1"}), (east, {"population": 400, "district": "2"})
            ),
            "places": _layer("places", (shapely.Point(0.015, 0.005), beds)),
        },
        max_zoom=9,
    )


def test_half_a_square_counts_half_its_people(two_squares: City) -> None:
    found = areas.within(two_squares, shapely.box(0.005, 0, 0.015, 0.01))
    assert found.by_district == {"1": 500, "2": 200}
    assert found.residents == 700
    assert found.area_km2 == pytest.approx(1.113 * 1.106, rel=0.01)


def test_places_are_those_inside(two_squares: City) -> None:
    assert [p.id for p in areas.within(two_squares, shapely.box(0.01, 0, 0.02, 0.01)).places_of("hospital")] == ["h"]
    west = areas.within(two_squares, shapely.box(0, 0, 0.009, 0.01))
    assert west.places == ()
    assert west.by_district == {"1": 900}


def test_outside_the_city_there_is_nobody(two_squares: City) -> None:
    nowhere = areas.within(two_squares, shapely.box(1, 1, 1.1, 1.1))
    assert (nowhere.residents, nowhere.places) == (0, ())


def test_a_polygon_that_crosses_itself_is_refused_with_where(two_squares: City) -> None:
    bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    with pytest.raises(ValueError, match=r"the area is Self-intersection.*expected a polygon"):
        areas.within(two_squares, bow)
    with pytest.raises(ValueError, match="the area is LineString"):
        areas.within(two_squares, shapely.LineString([(0, 0), (1, 1)]))


def test_the_table_by_district_sums_grid_places_and_beds(two_squares: City) -> None:
    table = areas.by_district(two_squares)
    assert table["residents"].to_dict() == {"1": 1000, "2": 400}
    assert table["hospital"].to_dict() == {"1": 0, "2": 1}
    assert table["hospital.beds"].to_dict() == {"1": 0, "2": 300}


def test_a_city_without_a_population_grid_has_no_number_of_residents(two_squares: City, tmp_path: Path) -> None:
    districts = two_squares.layer("districts")
    assert districts is not None
    bare = write_city(
        tmp_path / "bare", {"name_zh": "双区", "name_en": "Two", "zone": "UTC"}, {"districts": districts}, max_zoom=9
    )
    assert areas.within(bare, shapely.box(0, 0, 0.01, 0.01)).residents is None


def test_in_the_demonstration_city_grid_districts_and_places_agree(small_city: City) -> None:
    table = areas.by_district(small_city)
    assert table["residents"].to_dict() == {d.code: d.population for d in small_city.districts}
    stands_in = {p.id: p.district_code for p in small_city.places}
    for kind in ("hospital", "school", "underpass", "square"):
        said = [code for p, code in stands_in.items() if p in {q.id for q in small_city.places_of(kind)}]
        assert table[kind].to_dict() == {d.code: said.count(d.code) for d in small_city.districts}, kind
    assert table["service_hall.windows"].sum() == sum(h.attributes["windows"] for h in small_city.places_of("service_hall"))
    whole = shapely.union_all([d.polygon for d in small_city.districts]).buffer(0.02)
    assert areas.within(small_city, whole).residents == pytest.approx(small_city.population, abs=12)
