"""Places of the demonstration city: halls, stations, hospitals, schools, shelters, stores, works, squares, rail stations.

Every place lies in a district, a few steps from a street. Positions in metres from the centre; names and capacities come
from `premises`, underpasses from `underpasses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.premises import DESCRIBE, Setting, numeral
from gis_data.demo.quarters import Block
from gis_data.demo.streets import Fabric
from gis_data.demo.terrain import Terrain
from gis_data.demo.underpasses import Underpass


@dataclass(frozen=True)
class Site:
    """A place: stable id, kind, names, position, district code and what it can hold."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    x_m: float
    y_m: float
    district: str
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How many places of a kind there are, how strongly they follow people (0 evenly over land, 1 like people), the ranks
    of street they stand at, how many each district gets first, and the circles they seek (centre and radius, km)."""

    key: str
    id_prefix: str
    count: int
    crowd: float
    ranks: tuple[int, ...]
    per_district: int = 0
    drawn_to_km: Sequence[tuple[tuple[float, float], float]] = ()
    pull: float = 6.0


KINDS = (
    Kind("service_hall", "hall", 16, 0.9, (1, 2), 1),
    Kind("fire_station", "fire", 28, 0.45, (1, 2), 1),
    Kind("police_station", "police", 40, 0.6, (1, 2), 2),
    Kind("ambulance_station", "ems", 24, 0.55, (1, 2), 1),
    Kind("hospital", "hosp", 22, 0.75, (1, 2), 1),
    Kind("school", "school", 104, 0.85, (2, 3), 3),
    Kind("shelter", "shelter", 48, 0.7, (2, 3), 2),
    Kind("warehouse", "store", 14, 0.3, (1,), 1, plan.INDUSTRY_KM),
    Kind("factory", "factory", 40, 0.1, (1, 2), 0, plan.INDUSTRY_KM, 60.0),
    Kind("substation", "sub", 48, 0.6, (2, 3), 1),
    Kind("pumping_station", "pump", 20, 0.5, (1, 2), 1),
    Kind("mall", "mall", 32, 1.0, (1, 2), 1, plan.COMMERCE_KM, 12.0),
    Kind("depot", "depot", 16, 0.4, (1, 2), 1),
)


def choose(
    rng: np.random.Generator,
    terrain: Terrain,
    fabric: Fabric,
    network: Network,
    road_names: Sequence[tuple[str, str]],
    areas: Sequence[BaseGeometry],
    uses: Sequence[Block],
) -> list[Site]:
    """All places. Each kind is spread by taking, again and again, the spot farthest from those taken, weighted by people."""
    spots = _spots(rng, terrain, network, areas, uses)
    density = 0.02 + fabric.urban.at(spots.x, spots.y)
    sites: list[Site] = []
    taken = np.zeros(len(spots.x), dtype=bool)
    for kind, luck in zip(KINDS, rng.spawn(len(KINDS)), strict=True):
        open_ = (
            np.isin(spots.rank, kind.ranks)
            & ~taken
            & (~spots.in_park | (kind.key == "shelter"))
            & (density > (0.12 if kind.crowd < 0.5 else 0.22))
        )
        weight = np.where(open_, density ** (1.6 * kind.crowd), 0.0)
        if kind.drawn_to_km:
            weight *= 1 + kind.pull * np.minimum(_nearness(spots, kind.drawn_to_km), 0.4)
        chosen = _spread(spots, weight, kind)
        for i in chosen:
            taken |= np.hypot(spots.x - spots.x[i], spots.y - spots.y[i]) < 60
        sites += _named(kind, chosen, spots, density, road_names, uses, luck)
    return sites + _squares(areas, uses) + _stations(areas)


@dataclass(frozen=True)
class _Spots:
    x: np.ndarray
    y: np.ndarray
    rank: np.ndarray
    road: np.ndarray
    district: np.ndarray
    in_park: np.ndarray


def _spots(
    rng: np.random.Generator, terrain: Terrain, network: Network, areas: Sequence[BaseGeometry], uses: Sequence[Block]
) -> _Spots:
    """Building plots beside streets: the middle of each edge moved 30 m to one side, on land inside the city, on no square."""
    shapes = network.shapes
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(shapes, 0.52, normalized=True))
    middle = shapely.get_coordinates(shapely.line_interpolate_point(shapes, 0.48, normalized=True))
    tangent = ahead - middle
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-9)[:, None]
    side = rng.choice([-30.0, 30.0], size=len(shapes))[:, None]
    spot = np.round(middle + side * np.column_stack([-tangent[:, 1], tangent[:, 0]]), 1)
    points = shapely.points(spot)
    district = np.full(len(spot), -1)
    for k, area in enumerate(areas):
        inner = area.buffer(-40.0)
        shapely.prepare(inner)
        district[shapely.contains(inner, points)] = k
    wet = terrain.wet.buffer(25.0)
    squares, parks = (shapely.union_all([b.area for b in uses if b.use == use and b.name_zh]) for use in ("square", "green"))
    shapely.prepare([wet, squares, parks])
    fine = (district >= 0) & ~shapely.contains(wet, points) & ~shapely.intersects(squares, points) & (network.rank > 0)
    in_park = shapely.intersects(parks, points[fine])
    return _Spots(spot[fine, 0], spot[fine, 1], network.rank[fine], network.road[fine], district[fine], in_park)


def _nearness(spots: _Spots, around_km: Sequence[tuple[tuple[float, float], float]]) -> np.ndarray:
    far2 = [((spots.x - e * 1000) ** 2 + (spots.y - n * 1000) ** 2) / (r * 1000) ** 2 for (e, n), r in around_km]
    return np.asarray(np.exp(-np.min(far2, axis=0)))


def _spread(spots: _Spots, weight: np.ndarray, kind: Kind) -> list[int]:
    """Indices of the spots taken: each district's quota first, then wherever is farthest from all, weighted."""
    chosen: list[int] = []
    apart = np.full(len(weight), 9000.0)

    def take(i: int) -> None:
        nonlocal apart
        chosen.append(i)
        apart = np.minimum(apart, np.hypot(spots.x - spots.x[i], spots.y - spots.y[i]))

    for k, quarter in enumerate(plan.QUARTERS):
        for nth in range(kind.per_district):
            score = np.where(spots.district == k, weight, 0.0) * apart
            if nth == 0:  # the first stands in the district's own centre
                away = np.hypot(spots.x - quarter.at_km[0] * 1000, spots.y - quarter.at_km[1] * 1000)
                score = score * np.exp(-((away / 1600) ** 2))
            if score.max() > 0:
                take(int(np.argmax(score)))
    while len(chosen) < kind.count and (weight * apart).max() > 0:
        take(int(np.argmax(weight * apart)))
    return chosen


def _named(
    kind: Kind,
    chosen: Sequence[int],
    spots: _Spots,
    density: np.ndarray,
    road_names: Sequence[tuple[str, str]],
    uses: Sequence[Block],
    luck: np.random.Generator,
) -> list[Site]:
    sites = []
    seen: dict[int, int] = {}
    parks = [b for b in uses if b.use == "green" and b.name_zh]
    for number, (i, rng) in enumerate(zip(chosen, luck.spawn(len(chosen)), strict=True), 1):
        quarter = plan.QUARTERS[spots.district[i]]
        nth = seen[spots.district[i]] = seen.get(spots.district[i], 0) + 1
        spot = shapely.Point(spots.x[i], spots.y[i])
        park = min(parks, key=lambda b: b.area.distance(spot), default=None) if kind.key == "shelter" else None
        beside = (park.name_zh, park.name_en) if park and park.area.distance(spot) < 350 else None
        setting = Setting(number, nth, quarter, road_names[spots.road[i]], float(min(1.0, density[i])), beside, rng)
        zh, en, attributes = DESCRIBE[kind.key](setting)
        sites.append(
            Site(f"{kind.id_prefix}-{number:03d}", kind.key, zh, en, float(spot.x), float(spot.y), quarter.code, attributes)
        )
    return _distinct(sites)


def _distinct(sites: list[Site]) -> list[Site]:
    """Names made distinct: the second of a name gets a number."""
    seen: dict[str, int] = {}
    out = []
    for site in sites:
        n = seen[site.name_zh] = seen.get(site.name_zh, 0) + 1
        if n > 1:
            site = Site(
                site.id,
                site.kind,
                f"{site.name_zh}（{numeral(n)}）",
                f"{site.name_en} {n}",
                site.x_m,
                site.y_m,
                site.district,
                site.attributes,
            )
        out.append(site)
    return out


def _squares(areas: Sequence[BaseGeometry], uses: Sequence[Block]) -> list[Site]:
    """The squares among the blocks, in the order of the plan."""
    blocks = {b.name_zh: b for b in uses if b.use == "square"}
    sites = []
    for number, (zh, en, _) in enumerate(plan.SQUARES, 1):
        if (block := blocks.get(zh)) is None:
            continue
        spot = shapely.point_on_surface(block.area)
        inside = [k for k, area in enumerate(areas) if area.contains(spot)]
        if inside:
            code = plan.QUARTERS[inside[0]].code
            sites.append(
                Site(f"square-{number:03d}", "square", zh, en, round(spot.x, 1), round(spot.y, 1), code,
                     {"area_m2": int(round(block.area.area, -2))})
            )  # fmt: skip
    return sites


def low_points(
    areas: Sequence[BaseGeometry], road_names: Sequence[tuple[str, str]], network: Network, found: Sequence[Underpass]
) -> list[Site]:
    """The underpasses as places; `road` is the row of the roads layer, the number of the network's edge."""
    sites = []
    for number, u in enumerate(found, 1):
        point = shapely.Point(u.x_m, u.y_m)
        code = next(plan.QUARTERS[k].code for k, area in enumerate(areas) if area.intersects(point))
        zh, en = road_names[network.road[u.edge]]
        sites.append(
            Site(
                f"underpass-{number:03d}",
                "underpass",
                f"{zh}下穿{u.above[0]}立交",
                f"{en} underpass below {u.above[1]}",
                u.x_m,
                u.y_m,
                code,
                {
                    "road_zh": zh,
                    "road_en": en,
                    "road": u.edge,
                    "above_zh": u.above[0],
                    "above_en": u.above[1],
                    "catchment_ha": u.catchment_ha,
                    "pump_m3_s": u.pump_m3_s,
                    "area_m2": u.area_m2,
                },
            )
        )
    return _distinct(sites)


def _stations(areas: Sequence[BaseGeometry]) -> list[Site]:
    """Metro and railway stations of the plan; one that serves several lines appears once and lists them."""
    stops: dict[tuple[str, str], tuple[str, float, float, list[str]]] = {}
    for line in plan.LINES:
        for zh, en, east, north in line.stops:
            if zh:
                stops.setdefault((line.kind, zh), (en, east * 1000, north * 1000, []))[3].append(line.name_zh)
    sites = []
    count = {"metro": 0, "railway": 0}
    for (kind, zh), (en, x, y, lines) in stops.items():
        point = shapely.Point(x, y)
        inside = [k for k, area in enumerate(areas) if area.contains(point)]
        if not inside:
            continue
        count[kind] += 1
        sites.append(
            Site(
                f"{kind}-{count[kind]:03d}",
                f"{kind}_station",
                zh if zh.endswith("站") else f"{zh}站",
                en if en.endswith("Station") else f"{en} Station",
                x,
                y,
                plan.QUARTERS[inside[0]].code,
                {"lines": "、".join(lines), "interchange": int(len(lines) > 1)},
            )
        )
    return sites
