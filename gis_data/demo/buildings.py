"""Buildings of the demonstration city: footprints (polygons, metres from the centre) and floors, block by block.

Homes stand in rows that face south, as building codes for sunlight make them in China: old estates of six-storey slabs, newer
ones of towers farther apart. Shops and offices fill their lots to the street, some with a tower on top; works are sheds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from gis_data.demo.quarters import Block

SETBACK_M = 7.0
#: A lot cut off by the edge of its block is built over if so much of it is left, square metres.
LEAST_M2 = 320.0


@dataclass(frozen=True)
class Estate:
    """How ground is built over: footprint and clear distance to the next (m, along × across the rows), floors at least and
    how many more where the city is densest, share of lots left empty, whether a cut-off lot keeps what is left of it."""

    footprint_m: tuple[float, float]
    gap_m: tuple[float, float]
    floors: tuple[int, int]
    empty: float
    to_the_street: bool = False


#: Estates by use, each as likely; proportions are customary ones, slabs about 50 m by 13 m a good building's height apart.
ESTATES = {
    "residential": (
        Estate((50, 12.5), (11, 17), (6, 1), 0.03),
        Estate((42, 13), (12, 22), (7, 5), 0.04),
        Estate((31, 17), (19, 33), (15, 16), 0.05),
    ),
    "commercial": (
        Estate((50, 42), (9, 11), (5, 9), 0.04, True),
        Estate((38, 34), (10, 12), (6, 14), 0.06, True),
        Estate((86, 52), (14, 14), (4, 5), 0.03, True),
    ),
    "campus": (Estate((62, 19), (26, 34), (5, 5), 0.22), Estate((46, 30), (30, 34), (5, 6), 0.25)),
    "industrial": (
        Estate((96, 44), (18, 16), (2, 1), 0.08, True),
        Estate((62, 30), (14, 14), (3, 2), 0.12, True),
        Estate((138, 62), (22, 22), (2, 1), 0.06, True),
    ),
}
#: Blocks less urban than this stay open.
BUILT_FROM = 0.27


def build(rng: np.random.Generator, uses: Sequence[Block]) -> tuple[np.ndarray, np.ndarray]:
    """Footprints and floors of all buildings, towers after what they stand on."""
    shapes, floors = [], []
    for use, estates in ESTATES.items():
        blocks = [b for b in uses if b.use == use and b.urban > BUILT_FROM]
        kind = rng.integers(len(estates), size=len(blocks))
        for k, estate in enumerate(estates):
            chosen = [b for b, j in zip(blocks, kind, strict=True) if j == k]
            if chosen:
                for footprints, levels in _fill(rng, estate, chosen, use):
                    shapes.append(footprints)
                    floors.append(levels)
    return np.concatenate(shapes), np.concatenate(floors)


def _fill(rng: np.random.Generator, estate: Estate, blocks: Sequence[Block], use: str) -> list[tuple[np.ndarray, np.ndarray]]:
    ground = np.array([b.area for b in blocks], dtype=object)
    urban = np.array([b.urban for b in blocks])
    corner, along, across, long_m, wide_m = _axes(ground, south_facing=use in ("residential", "campus"))
    columns, rows = (
        np.maximum(1, ((side - 2 * SETBACK_M + gap) // (size + gap)).astype(int))
        for side, size, gap in zip((long_m, wide_m), estate.footprint_m, estate.gap_m, strict=True)
    )
    block = np.repeat(np.arange(len(ground)), columns * rows)
    nth = np.arange(len(block)) - np.repeat(np.cumsum(columns * rows) - columns * rows, columns * rows)
    gap = np.array(estate.gap_m)
    # n buildings have n - 1 gaps between them: with one gap more to share out, every building has one
    pitch = (np.column_stack([long_m, wide_m]) - 2 * SETBACK_M + gap)[block] / np.column_stack([columns, rows])[block]
    at = (np.column_stack([nth % columns[block], nth // columns[block]]) + 0.5) * pitch - gap / 2 + SETBACK_M
    middle = corner[block] + at[:, :1] * along[block] + at[:, 1:] * across[block]
    # rows keep their depth whatever the block leaves over; the length of a building takes what there is
    half = np.minimum(pitch - gap, np.array(estate.footprint_m) * [1.25, 1.1]) / 2
    half = half * rng.uniform([0.86, 0.9], 1.0, (len(block), 2))
    kept = (half > 4.0).all(axis=1) & (rng.random(len(block)) > estate.empty)
    block, middle, half = block[kept], middle[kept], half[kept]
    boxes = _boxes(middle, half, along[block], across[block])
    shapely.prepare(ground)
    inside = shapely.contains(ground[block], boxes)
    if estate.to_the_street:
        edge = np.flatnonzero(~inside)
        boxes[edge] = shapely.intersection(boxes[edge], ground[block[edge]])
        whole = (shapely.get_type_id(boxes) == shapely.GeometryType.POLYGON) & (shapely.area(boxes) > LEAST_M2)
    else:  # half a building may stand where a whole one would not
        edge = np.flatnonzero(~inside)
        side = np.where(rng.random((len(edge), 1)) < 0.5, 1.0, -1.0)
        for turn in (side, -side):
            short = half[edge] * [0.48, 1.0]
            halves = _boxes(
                middle[edge] + turn * 0.52 * half[edge, :1] * along[block[edge]], short, along[block[edge]], across[block[edge]]
            )
            fits = shapely.contains(ground[block[edge]], halves) & ~inside[edge]
            boxes[edge[fits]] = halves[fits]
            inside[edge[fits]] = True
        whole = inside
    low, more = estate.floors
    height = low + more * urban[block] ** 2 * rng.random(len(block)) ** 0.8
    out = [(boxes[whole], _levels(height[whole]))]
    if use == "commercial":
        tower = whole & (rng.random(len(block)) < 0.34 * urban[block]) & (half.min(axis=1) > 13)
        spire = _boxes(middle[tower], np.full((tower.sum(), 2), 11.5), along[block[tower]], across[block[tower]])
        stands = shapely.contains(boxes[tower], spire)
        out.append((spire[stands], _levels(height[tower][stands] + 20 * urban[block[tower]][stands])))
    return out


def _axes(ground: np.ndarray, south_facing: bool) -> tuple[np.ndarray, ...]:
    """The block's own rectangle: a corner, two unit vectors (n × 2) and its sides; the first side is the longer one, or the one
    that runs rather east-west."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(ground)).reshape(len(ground), 5, 2)
    side_a, side_b = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    a_m, b_m = np.hypot(*side_a.T), np.hypot(*side_b.T)
    lies = np.abs(side_a[:, 0]) / a_m, np.abs(side_b[:, 0]) / b_m
    swap = (lies[0] < lies[1] if south_facing else a_m < b_m)[:, None]
    along, across = np.where(swap, side_b, side_a), np.where(swap, side_a, side_b)
    long_m, wide_m = np.hypot(*along.T), np.hypot(*across.T)
    return corners[:, 0], along / long_m[:, None], across / wide_m[:, None], long_m, wide_m


def _boxes(middle: np.ndarray, half: np.ndarray, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    a, c = half[:, :1] * along, half[:, 1:] * across
    return np.asarray(shapely.polygons(np.stack([middle - a - c, middle + a - c, middle + a + c, middle - a + c], axis=1)))


def _levels(floors: np.ndarray) -> np.ndarray:
    """Whole numbers of three storeys: finer differences would not be seen and cost a feature each in the tiles."""
    return np.asarray((np.round(floors / 3) * 3).clip(3, 42).astype(int))
