"""Scenery of the demonstration city: what only the map shows. Piers, breakwaters, sea lanes, park paths, motorway ramps,
the outlines of far towns, and names of what is not a place. Positions in metres from the centre.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.quarters import VERGE_M, Block
from gis_data.demo.streets import HALF_M
from gis_data.demo.terrain import SEAWARD_DEG, Terrain, blob, spline

Rows = Iterator[tuple[BaseGeometry, Mapping[str, Any]]]

PIER_EVERY_M, PIER_M, PIER_WIDTH_M = 410.0, 300.0, 58.0
BREAKWATER_OFF_M, BREAKWATER_WIDTH_M, MOUTH_M = 780.0, 22.0, 460.0
#: Depth of the yards behind the piers.
QUAY_M = 290.0
#: From the shore of a park to its ring path.
PATH_INSET_M = 38.0
#: How far the sea is led on beyond the drawn country.
FAR_M = 210_000.0
#: Radius of an interchange's loops.
LOOP_M = 52.0


@dataclass(frozen=True)
class Port:
    """The port: where its piers begin on the shore and which way they run (n × 2 each), the land behind them, the mouth
    between its breakwaters, and the line along which these lie."""

    roots_m: np.ndarray
    seaward: np.ndarray
    mouth_m: np.ndarray
    shelter: BaseGeometry


def port(terrain: Terrain) -> Port:
    """The port of the plan, laid along the shore as it is."""
    reach = shapely.Point(np.array(plan.PORT_KM) * 1000).buffer(1000 * plan.PORT_REACH_KM)
    land = max(shapely.get_parts(terrain.mainland), key=shapely.area)
    quay = max(shapely.get_parts(shapely.line_merge(land.exterior.intersection(reach))), key=shapely.length)
    along = np.arange(PIER_EVERY_M / 2, quay.length, PIER_EVERY_M)
    root, ahead = (shapely.get_coordinates(shapely.line_interpolate_point(quay, along + d)) for d in (0.0, 20.0))
    out = np.column_stack([(ahead - root)[:, 1], (root - ahead)[:, 0]])
    out /= np.hypot(*out.T)[:, None]
    middle = len(root) // 2
    if land.contains(shapely.Point(root[middle] + 60 * out[middle])):
        out = -out
    mouth = root[middle] + BREAKWATER_OFF_M * out[middle]
    shelter = land.buffer(BREAKWATER_OFF_M).exterior.intersection(reach.buffer(-150.0))
    return Port(root, out, mouth, shelter.difference(shapely.Point(mouth).buffer(MOUTH_M / 2)))


def quay_grounds(harbour: Port, terrain: Terrain, network: Network, uses: Sequence[Block]) -> list[Block]:
    """The yards between the piers and the nearest streets and blocks."""
    near = shapely.box(*shapely.MultiPoint(harbour.roots_m).buffer(600.0).bounds)
    roads = shapely.buffer(network.shapes[shapely.intersects(network.shapes, near)], VERGE_M[2])
    areas = np.array([b.area for b in uses], dtype=object)
    taken = shapely.union_all([*roads, terrain.wet.intersection(near), *areas[shapely.intersects(areas, near)]])
    yards = []
    for a, b, out in zip(harbour.roots_m[:-1], harbour.roots_m[1:], harbour.seaward[:-1], strict=True):
        yard = shapely.Polygon([a - 14 * out, b - 14 * out, b - QUAY_M * out, a - QUAY_M * out]).buffer(-9.0).difference(taken)
        yards += [Block("industrial", part, 0.5) for part in shapely.get_parts(yard.buffer(-6.0)) if part.area > 6000]
    return yards


def piers(harbour: Port, terrain: Terrain) -> Rows:
    """Piers at right angles to the shore, and the breakwaters."""
    for root, out in zip(harbour.roots_m, harbour.seaward, strict=True):
        pier = shapely.LineString([root - 60 * out, root + PIER_M * out]).buffer(PIER_WIDTH_M / 2, cap_style="flat")
        yield pier.difference(terrain.mainland), {"kind": "pier"}
    for arm in shapely.get_parts(shapely.line_merge(harbour.shelter)):
        if arm.length > 300:
            yield arm.buffer(BREAKWATER_WIDTH_M / 2).difference(terrain.mainland), {"kind": "breakwater"}


def sea_lanes(harbour: Port, terrain: Terrain) -> Rows:
    """Ferry lines and the fairway, as far as they lie on open water."""
    sea = terrain.extent.difference(terrain.mainland)
    berth = len(harbour.roots_m) // 2
    leaving = np.array([harbour.roots_m[berth] + 150 * harbour.seaward[berth] + 90, harbour.mouth_m])
    for lane in plan.SEA_LANES:
        points = np.array(lane.points_km) * 1000
        line = shapely.LineString(spline(np.vstack([leaving, points]) if lane.from_port else points, 150.0)).intersection(sea)
        yield line, {"kind": lane.kind, "name_zh": lane.name_zh, "name_en": lane.name_en}


def paths(rng: np.random.Generator, uses: Sequence[Block], terrain: Terrain) -> Rows:
    """A ring path along the inside of every larger park, and winding ones across it."""
    for park in uses:
        if park.use != "green" or not park.name_zh:
            continue
        for part in shapely.get_parts(park.area):
            inner = max(shapely.get_parts(part.buffer(-PATH_INSET_M)), key=shapely.area, default=None)
            if inner is None or inner.area < 3e4:
                continue
            ring = inner.simplify(12.0).exterior
            yield ring, {"kind": "path"}
            gates = shapely.get_coordinates(
                shapely.line_interpolate_point(ring, (np.arange(6) + rng.random()) / 6, normalized=True)
            )
            heart = shapely.get_coordinates(shapely.point_on_surface(inner))[0] + rng.normal(0, 25, 2)
            for a, b in ((0, 3), (1, 4), (2, 5)):
                bend = rng.normal(0, 0.12, (2, 2)) * np.hypot(*(gates[a] - gates[b]))
                way = spline(
                    np.array([gates[a], (gates[a] + heart) / 2 + bend[0], heart, (heart + gates[b]) / 2 + bend[1], gates[b]]),
                    12.0,
                )
                line = shapely.LineString(way).intersection(inner).difference(terrain.wet)
                if not line.is_empty:
                    yield line, {"kind": "path"}


def ramps(network: Network) -> Rows:
    """Loops and slip roads where two expressways meet; only drawn: in the road graph they meet in one node."""
    arms: dict[int, list[np.ndarray]] = {}
    for k in np.flatnonzero(network.rank == 0).tolist():
        line = shapely.LineString(network.lines[k])
        for node, course in zip(network.ends[k].tolist(), (line, line.reverse()), strict=True):
            if line.length > 5 * LOOP_M:
                away = shapely.get_coordinates(shapely.line_interpolate_point(course, 3 * LOOP_M))[0] - network.nodes[node]
                arms.setdefault(node, []).append(away / np.hypot(*away))
    for node, ways in sorted(arms.items()):
        if len(ways) < 3:
            continue
        centre = network.nodes[node]
        ways = sorted(ways, key=lambda way: float(np.arctan2(way[1], way[0])))
        for way, following in zip(ways, [*ways[1:], ways[0]], strict=True):
            half = np.arccos(np.clip(way @ following, -1, 1)) / 2
            turns_left = way[0] * following[1] - way[1] * following[0] > 0
            if not (turns_left and 0.5 < half < 1.15):  # the two arms lie in one line, or nearly
                continue
            slip = [centre + 4.6 * LOOP_M * way, centre + 1.7 * LOOP_M * (way + following), centre + 4.6 * LOOP_M * following]
            yield shapely.LineString(_curve(*slip)), {"kind": "ramp"}
            if len(ways) == 4:
                between = (way + following) / np.hypot(*(way + following))
                middle = centre + between * LOOP_M / np.sin(half)
                # the far arc of the circle that touches both arms
                sweep = np.linspace(-np.pi + (np.pi / 2 - half), np.pi - (np.pi / 2 - half), 28) + np.arctan2(
                    between[1], between[0]
                )
                yield shapely.LineString(middle + LOOP_M * np.column_stack([np.cos(sweep), np.sin(sweep)])), {"kind": "ramp"}


def _curve(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """A quadratic Bézier curve in twelve steps."""
    t = np.linspace(0, 1, 13)[:, None]
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c)


def far_towns(rng: np.random.Generator) -> Rows:
    """The built-up ground of towns too far away for streets."""
    for town in plan.TOWNS:
        if max(abs(k) for k in town.at_km) + town.radius_km > HALF_M / 1000:
            for level, share in ((1, 1.05), (2, 0.66)):
                half = town.radius_km * share
                yield blob(rng, plan.Lake("", "", town.at_km, (half * 1.15, half * 0.85), 30.0), 0.5), {"level": level}


def beyond(terrain: Terrain) -> Rows:
    """The sea and its depths outside the drawn country, each led on along the coast's general direction."""
    coast = np.radians(SEAWARD_DEG + 90)
    onward = FAR_M * np.array([np.cos(coast), np.sin(coast)])
    west, south, east, north = terrain.extent.bounds
    sea = terrain.extent.difference(terrain.mainland)
    for level, area in ((0, sea), *((level, area) for level, area in terrain.relief if level < 0)):
        edge = shapely.get_coordinates(area.intersection(terrain.extent.exterior))
        top, foot = edge[np.abs(edge[:, 1] - north) < 1], edge[np.abs(edge[:, 1] - south) < 1]
        start = np.array([top[:, 0].min() if len(top) else east, north])
        stop = np.array([foot[:, 0].min() if len(foot) else west, south])
        far = shapely.Polygon([start, start + onward, [FAR_M, FAR_M], [FAR_M, -FAR_M], stop - onward, stop])
        yield far.difference(terrain.extent), {"height_m": level}


def names() -> Rows:
    """Names of the bay, islands, hills and towns, each with the zoom it is shown from."""
    yield _point(plan.SEA_LABEL_KM), {"kind": "sea", "rank": 2, "from": 9, "name_zh": plan.SEA_ZH, "name_en": plan.SEA_EN}
    for island in plan.ISLANDS:
        yield (
            _point(island.at_km),
            {"kind": "island", "rank": 4, "from": 10, "name_zh": island.name_zh, "name_en": island.name_en},
        )
    for zh, en, at_km, _, _ in plan.HILLS:
        yield _point(at_km), {"kind": "hill", "rank": 5, "from": 12, "name_zh": zh, "name_en": en}
    for town in plan.TOWNS:
        shown_from = 13 if town.on_island else 10  # until then the island bears the name
        yield (
            _point(town.at_km),
            {"kind": "town", "rank": 3, "from": shown_from, "name_zh": town.name_zh, "name_en": town.name_en},
        )


def _point(at_km: tuple[float, float]) -> BaseGeometry:
    return shapely.Point(at_km[0] * 1000, at_km[1] * 1000)
