"""Streets: where people live, shop and drive, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely

from gis_data import layers
from gis_data.city import City
from gis_data.layers import Layer
from iot.plane import distance_m
from iot.simulated.driving import Roads
from iot.simulated.streets import Mix, Streets
from tests.iot.conftest import place_of


@pytest.fixture(scope="module")
def streets(paper_city: City) -> Streets:
    return Streets(paper_city, Roads(paper_city))


def squares(name: str, rows: list[tuple[shapely.Geometry, dict[str, object]]]) -> Layer:
    shapes = np.empty(len(rows), dtype=object)
    shapes[:] = [shape for shape, _ in rows]
    return Layer(name, shapes, [row for _, row in rows])


@pytest.fixture(scope="module")
def zoned_city(paper_city: City, tmp_path_factory: pytest.TempPathFactory) -> City:
    """Nine tenths of the people within one block in the south-west, shops in the east above row 4, works below it."""
    place = tmp_path_factory.mktemp("zoned")
    for file in paper_city.path.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    block = shapely.box(*place_of(0.5, 0.5), *place_of(1.5, 1.5))
    rest = shapely.box(*place_of(4.5, 0), *place_of(16, 8))
    layers.write(
        squares("population", [(block, {"population": 90_000}), (rest, {"population": 10_000})]), place / "population.geojson"
    )
    west, north, south = shapely.box(*place_of(0, 0), *place_of(8, 8)), (8, 4.5, 16, 8), (8, 0, 16, 4.5)
    uses = [(west, {"use": "residential"})] + [
        (shapely.box(*place_of(x, y), *place_of(u, v)), {"use": use})
        for use, (x, y, u, v) in (("commercial", north), ("industrial", south))
    ]
    layers.write(squares("landuse", uses), place / "landuse.geojson")
    return replace(paper_city, path=Path(place))


def test_residents_of_a_district_are_spread_over_its_streets_by_length(streets: Streets) -> None:
    assert streets.people.sum() == pytest.approx(400_000)
    by_district = np.bincount(streets.district, streets.people)
    assert by_district.tolist() == pytest.approx([300_000, 100_000], rel=0.001)


def test_residents_follow_the_population_grid(zoned_city: City) -> None:
    streets = Streets(zoned_city, Roads(zoned_city))
    crossing = place_of(1, 1)
    near = distance_m(streets.lon, streets.lat, *crossing) < 400  # the four streets that meet in the block
    assert near.sum() == 4
    assert streets.people[near].sum() == pytest.approx(90_000)
    draws = (np.arange(1_000) + 0.5) / 1_000
    assert np.isin(streets.spread(Mix(homes=1)).drawn(draws), np.flatnonzero(near)).mean() == pytest.approx(0.9, abs=0.002)


def test_shops_and_works_stand_where_land_is_used_for_them(zoned_city: City) -> None:
    streets = Streets(zoned_city, Roads(zoned_city))
    draws = (np.arange(1_000) + 0.5) / 1_000
    shops, works = (streets.spread(mix).drawn(draws) for mix in (Mix(shops=1), Mix(works=1)))
    assert (streets.lon[shops] > place_of(8, 0)[0]).mean() > 0.85
    assert (streets.lat[shops] > place_of(0, 4.4)[1]).mean() > 0.85
    assert (streets.lat[works] < place_of(0, 4.6)[1]).mean() > 0.85


def test_within_a_radius_there_are_only_the_streets_and_people_of_it(streets: Streets) -> None:
    around = streets.spread(Mix(homes=1), place_of(4, 4), 1_000)
    assert around.people == pytest.approx(streets.people[around.streets].sum())
    assert (distance_m(streets.lon[around.streets], streets.lat[around.streets], *place_of(4, 4)) <= 1_000).all()
    nowhere = streets.spread(Mix(homes=1), (0.0, 0.0), 1_000)
    assert (len(nowhere.streets), nowhere.people) == (0, 0.0)


def test_points_lie_in_their_districts_or_in_none(streets: Streets) -> None:
    lon, lat = np.array([place_of(4, 4)[0], place_of(12, 4)[0], 0.0]), np.array([place_of(4, 4)[1], place_of(12, 4)[1], 0.0])
    assert streets.districts_at(lon, lat).tolist() == [0, 1, -1]
    assert streets.nearest_district(*place_of(17, 4)) == 1
