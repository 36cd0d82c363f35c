"""The demonstration city: all its layers from one seed, the same bytes every time.

Order of growth: ground, parks, streets, crossings, districts, blocks, people, underpasses, places and what they hold,
houses, and what only the map shows. Everything is computed in metres on a plane around the centre and converted to WGS-84
at the end (true to 0.4 % over the drawn country). Bump `VERSION` when a change alters the output: cities built by another
version are then built again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count
from typing import Any

import numpy as np
import shapely

from gis_data.demo import (
    buildings,
    names,
    network,
    places,
    plan,
    quarters,
    scenery,
    stock,
    streets,
    terrain,
    transit,
    underpasses,
)
from gis_data.layers import Layer

VERSION = 6
DEFAULT_SEED = 8

_PHI = np.radians(plan.CENTRE_LAT)
#: Metres in one degree at the centre (series of the WGS-84 ellipsoid, e.g. NGA TR8350.2).
M_PER_DEG_LAT = 111_132.954 - 559.822 * np.cos(2 * _PHI) + 1.175 * np.cos(4 * _PHI)
M_PER_DEG_LON = 111_412.84 * np.cos(_PHI) - 93.5 * np.cos(3 * _PHI) + 0.118 * np.cos(5 * _PHI)


def to_degrees(metres: np.ndarray) -> np.ndarray:
    """Longitude and latitude (n × 2) of points in metres east and north of the centre (n × 2)."""
    return np.column_stack([plan.CENTRE_LON + metres[:, 0] / M_PER_DEG_LON, plan.CENTRE_LAT + metres[:, 1] / M_PER_DEG_LAT])


@dataclass(frozen=True)
class GrownCity:
    """What the generator gives: layers in WGS-84, layers that are only ever seen in tiles, the road graph as two tables, the
    stock of the warehouses as rows."""

    layers: tuple[Layer, ...]
    scenery: tuple[Layer, ...]
    nodes: np.ndarray
    arcs: Mapping[str, np.ndarray]
    stock: tuple[tuple[str | int, ...], ...]


def grow(seed: int, detail: float = 1.0) -> GrownCity:
    """The city of a seed. `detail` below 1 draws fewer streets on coarser ground, which suits tests."""
    (
        ground_rng,
        park_rng,
        fabric_rng,
        street_rng,
        border_rng,
        block_rng,
        name_rng,
        place_rng,
        lot_rng,
        dip_rng,
        stock_rng,
        town_rng,
        path_rng,
    ) = np.random.default_rng(seed).spawn(13)
    coarse = 2.0 if detail < 0.6 else 1.0
    ground = terrain.grow(ground_rng, terrain.CELL_M * coarse)
    lawns = quarters.parks(park_rng)
    fabric = streets.weave(fabric_rng, ground, lawns, streets.CELL_M * coarse)
    roads = streets.lay_out(street_rng, ground, fabric, detail)
    half_x, half_y = (1000 * side for side in plan.EXTENT_KM)
    web = network.cut(roads, (half_x, half_y))
    area = quarters.border(border_rng, ground)
    parts = quarters.along_streets(quarters.districts(border_rng, ground, area), area, ground, web)
    harbour = scenery.port(ground)
    banks = quarters.greenway(ground, fabric)
    uses = quarters.blocks(block_rng, ground, fabric, web, lawns, banks)
    uses += tuple(scenery.quay_grounds(harbour, ground, web, uses))
    people = quarters.population(fabric, uses, parts)
    road_names = names.name_roads(name_rng, roads, web)
    dips = underpasses.dig(dip_rng, ground, fabric, web, road_names, parts)
    sites = places.choose(place_rng, ground, fabric, web, road_names, parts, uses)
    sites += places.low_points(parts, road_names, web, dips)
    districts = _districts(parts, people)
    residents = {row["code"]: row["population"] for row in districts.properties}
    roads_layer = _roads(web, road_names, ground, {dip.edge: f"underpass-{n:03d}" for n, dip in enumerate(dips, 1)})
    layers = (
        districts,
        _layer("relief", [(shape, {"height_m": level}) for level, shape in ground.relief]),
        _layer(
            "water",
            [(w.area, {"kind": w.kind, "name_zh": w.name_zh, "name_en": w.name_en}) for w in ground.waters],
        ),
        _layer("waterways", _waterways(ground)),
        _layer("urban", [*_urban(fabric), *scenery.far_towns(town_rng)]),
        _layer("green", _green(ground, banks, uses)),
        _layer("landuse", [(b.area, {"use": b.use}) for b in uses if b.use == "square" or not b.name_zh]),
        roads_layer,
        _layer("rails", _rails()),
        _layer("population", _squares(people)),
        _layer(
            "places",
            [
                (
                    shapely.Point(s.x_m, s.y_m),
                    {
                        "id": s.id,
                        "kind": s.kind,
                        "name_zh": s.name_zh,
                        "name_en": s.name_en,
                        "district": s.district,
                        "attributes": dict(s.attributes),
                    },
                )
                for s in sites
            ],
        ),
    )
    footprints, floors = buildings.build(lot_rng, uses)
    heights = {n: {"floors": n} for n in sorted(set(floors.tolist()))}
    seen = (
        _layer("buildings", zip(footprints, (heights[n] for n in floors.tolist()), strict=True)),
        _layer("piers", scenery.piers(harbour, ground)),
        _layer("lanes", scenery.sea_lanes(harbour, ground)),
        _layer("paths", [*scenery.paths(path_rng, uses, ground), *scenery.ramps(web)]),
        _layer("beyond", scenery.beyond(ground)),
        _layer("labels", scenery.names()),
    )
    bridge = np.array([row["bridge"] for row in roads_layer.properties])
    return GrownCity(
        layers,
        seen,
        np.round(to_degrees(web.nodes), 6),
        _arcs(web, bridge),
        tuple(stock.store(stock_rng, sites, residents)),
    )


def about(seed: int, detail: float) -> dict[str, Any]:
    """What `city.json` says of the city a seed gives, apart from what follows from the layers."""
    return {
        "name_zh": plan.NAME_ZH,
        "name_en": plan.NAME_EN,
        "code": plan.CITY_CODE,
        "zone": plan.ZONE,
        "centre": [plan.CENTRE_LON, plan.CENTRE_LAT],
        "generator": {"name": "demo", "version": VERSION, "seed": seed, "detail": detail},
        "sources": [],
    }


def _layer(name: str, rows: Iterable[tuple[Any, Mapping[str, Any]]]) -> Layer:
    drawn, properties = zip(*rows, strict=True)
    shapes = np.empty(len(drawn), dtype=object)
    shapes[:] = drawn
    there = ~shapely.is_empty(shapes)
    return Layer(name, shapely.transform(shapes[there], to_degrees), list(compress(properties, there)))


def _districts(parts: Sequence[Any], people: quarters.Squares) -> Layer:
    return _layer(
        "districts",
        [
            (
                part,
                {
                    "code": q.code,
                    "name_zh": q.name_zh,
                    "name_en": f"{q.name_en} District",
                    "population": int(people.population[people.district == k].sum()),
                    "area_km2": round(part.area / 1e6, 1),
                },
            )
            for k, (q, part) in enumerate(zip(plan.QUARTERS, parts, strict=True))
        ],
    )


def _waterways(ground: terrain.Terrain) -> list[tuple[Any, Mapping[str, Any]]]:
    lines = [(ground.course[:, :2], plan.RIVER_ZH, plan.RIVER_EN, "river")]
    lines += [(line, s.name_zh, s.name_en, "stream") for line, s in zip(ground.streams, plan.STREAMS, strict=True)]
    inland = ground.mainland
    return [
        (shapely.LineString(line).intersection(inland), {"kind": kind, "name_zh": zh, "name_en": en})
        for line, zh, en, kind in lines
    ]


def _urban(fabric: streets.Fabric) -> list[tuple[Any, Mapping[str, Any]]]:
    """Where the city is dense, as two or three contours: what is seen of the streets from far away."""
    from scipy import ndimage

    soft = terrain.Field(
        ndimage.gaussian_filter(fabric.urban.values, 4), fabric.urban.west_m, fabric.urban.south_m, fabric.urban.cell_m
    )
    return [(terrain.softened(soft.above(level), 1), {"level": k}) for k, level in enumerate((0.3, 0.5, 0.72), 1)]


def _green(ground: terrain.Terrain, banks: Any, uses: Sequence[quarters.Block]) -> list[tuple[Any, Mapping[str, Any]]]:
    woods = dict(ground.relief)[110]
    rows: list[tuple[Any, Mapping[str, Any]]] = [(woods, {"kind": "wood", "name_zh": "", "name_en": ""})]
    rows.append((banks, {"kind": "greenway", "name_zh": "", "name_en": ""}))
    rows += [
        (b.area, {"kind": "park", "name_zh": b.name_zh, "name_en": b.name_en}) for b in uses if b.use == "green" and b.name_zh
    ]
    return rows


def _roads(
    web: network.Network, road_names: Sequence[tuple[str, str]], ground: terrain.Terrain, dips: Mapping[int, str]
) -> Layer:
    shapes = web.shapes
    wet = ground.wet.buffer(-8.0)
    shapely.prepare(wet)
    over = np.zeros(len(shapes))
    touching = shapely.intersects(wet, shapes)
    over[touching] = shapely.length(shapely.intersection(shapes[touching], wet))
    bridge = (over > 0.25 * web.length_m) & (over > 40)
    return _layer(
        "roads",
        [
            (
                shape,
                {
                    "class": plan.ROAD_CLASSES[rank].key,
                    "name_zh": road_names[road][0],
                    "name_en": road_names[road][1],
                    "speed_kmh": plan.ROAD_CLASSES[rank].speed_kmh,
                    "bridge": int(crosses),
                    "from": u,
                    "to": v,
                    **({"underpass": dips[row]} if row in dips else {}),
                },
            )
            for row, (shape, rank, road, crosses, (u, v)) in enumerate(
                zip(shapes, web.rank.tolist(), web.road.tolist(), bridge.tolist(), web.ends.tolist(), strict=True)
            )
        ],
    )


def _arcs(web: network.Network, bridge: np.ndarray) -> dict[str, np.ndarray]:
    """The road graph as columns, two arcs per edge; `road` is the row of the roads layer, travel time is at free speed."""
    length = web.length_m
    speed = np.array([c.speed_kmh for c in plan.ROAD_CLASSES])[web.rank]
    twice = np.concatenate
    edge = np.arange(len(length))
    return {
        "from": twice([web.ends[:, 0], web.ends[:, 1]]),
        "to": twice([web.ends[:, 1], web.ends[:, 0]]),
        "travel_s": np.round(twice([length, length]) / twice([speed, speed]) * 3.6, 1),
        "length_m": np.round(twice([length, length]), 1),
        "class": twice([web.rank, web.rank]),
        "road": twice([edge, edge]),
        "bridge": twice([bridge, bridge]),
    }


def _rails() -> list[tuple[Any, Mapping[str, Any]]]:
    """Every line with its number among its kind, by which the map tells metro lines apart."""
    numbers = {kind: count(1) for kind in ("metro", "railway")}
    return [
        (
            transit.track(line),
            {"kind": line.kind, "line": next(numbers[line.kind]), "name_zh": line.name_zh, "name_en": line.name_en},
        )
        for line in plan.LINES
    ]


def _squares(people: quarters.Squares) -> list[tuple[Any, Mapping[str, Any]]]:
    low, high = people.corner_m, people.corner_m + quarters.SQUARE_M
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    return [
        (square, {"population": int(count), "district": plan.QUARTERS[k].code})
        for square, count, k in zip(boxes, people.population.tolist(), people.district.tolist(), strict=True)
    ]
