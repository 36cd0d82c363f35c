"""Buildings: whole blocks filled, nothing over the edge, homes that face south."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.affinity import rotate

from gis_data.demo import buildings
from gis_data.demo.quarters import Block


def _build(use: str, area: shapely.Polygon, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return buildings.build(np.random.default_rng(seed), [Block(use, area, 0.8)])


@pytest.mark.parametrize("use", sorted(buildings.ESTATES))
@pytest.mark.parametrize("turn_deg", [0, 20, 75])
def test_buildings_stand_inside_their_block_and_take_a_fair_share_of_it(use: str, turn_deg: float) -> None:
    block = rotate(shapely.box(0, 0, 320, 240), turn_deg)
    footprints, floors = _build(use, block)
    assert len(footprints) == len(floors) >= 4
    assert shapely.contains(block.buffer(0.01), footprints).all()
    assert 0.10 < shapely.union_all(footprints).area / block.area < 0.75
    assert (floors % 3 == 0).all()


@pytest.mark.parametrize(
    ("use", "block"), [("commercial", shapely.Polygon([(0, 0), (90, 0), (0, 80)])), ("residential", shapely.box(0, 0, 75, 45))]
)
def test_a_small_or_crooked_block_is_seldom_left_empty(use: str, block: shapely.Polygon) -> None:
    """One lot in thirty stays empty by chance, and such a block has but one or two."""
    assert sum(len(_build(use, block, seed)[0]) > 0 for seed in range(20)) >= 17


@pytest.mark.parametrize("turn_deg", [0, 30, -30, 60, 90])
def test_homes_face_south_whatever_way_the_block_lies(turn_deg: float) -> None:
    """Slabs of 50 m by 13 m run within 45° of east-west, so that their long side looks south."""
    footprints, _ = _build("residential", rotate(shapely.box(0, 0, 400, 150), turn_deg), 3)
    corners = shapely.get_coordinates(footprints).reshape(len(footprints), 5, 2)
    sides = np.diff(corners[:, :3], axis=1)
    longer = sides[np.arange(len(sides)), np.argmax(np.hypot(sides[..., 0], sides[..., 1]), axis=1)]
    assert (np.abs(longer[:, 0]) >= np.abs(longer[:, 1]) * 0.98).all()


def test_open_ground_stays_open() -> None:
    built = buildings.build(
        np.random.default_rng(1),
        [Block("residential", shapely.box(0, 0, 200, 200), 0.1), Block("residential", shapely.box(300, 0, 500, 200), 0.5)],
    )
    assert shapely.bounds(built[0])[:, 0].min() > 290
