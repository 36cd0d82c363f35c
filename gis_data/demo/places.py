"""Places of the demonstration city: service halls, stations, hospitals, schools, shelters, warehouses, rail stations.

Every place lies in a district, a few steps from a street. Positions in metres from the centre. Nobody real is named;
capacities are planning figures of an invented city.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.quarters import Block
from gis_data.demo.streets import Fabric
from gis_data.demo.terrain import Terrain


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
    """How many places of a kind there are, how strongly they follow people (0 evenly over land, 1 like people) and
    the ranks of street they stand at."""

    key: str
    id_prefix: str
    count: int
    crowd: float
    ranks: tuple[int, ...]
    per_district: int = 0


KINDS = (
    Kind("service_hall", "hall", 16, 0.9, (1, 2), 1),
    Kind("fire_station", "fire", 28, 0.45, (1, 2), 1),
    Kind("police_station", "police", 40, 0.6, (1, 2), 2),
    Kind("ambulance_station", "ems", 24, 0.55, (1, 2), 1),
    Kind("hospital", "hosp", 22, 0.75, (1, 2), 1),
    Kind("school", "school", 104, 0.85, (2, 3), 3),
    Kind("shelter", "shelter", 48, 0.7, (2, 3), 2),
    Kind("warehouse", "store", 10, 0.3, (1,), 0),
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
    spots = _spots(rng, terrain, network, areas)
    density = 0.02 + fabric.urban.at(spots.x, spots.y)
    sites: list[Site] = []
    taken = np.zeros(len(spots.x), dtype=bool)
    for kind in KINDS:
        open_ = np.isin(spots.rank, kind.ranks) & ~taken & (density > (0.12 if kind.crowd < 0.5 else 0.22))
        weight = np.where(open_, density ** (1.6 * kind.crowd), 0.0)
        if kind.key == "warehouse":
            weight *= 1 + 6 * _nearness(spots, plan.INDUSTRY_KM)
        chosen = _spread(spots, weight, kind)
        for i in chosen:
            taken |= np.hypot(spots.x - spots.x[i], spots.y - spots.y[i]) < 60
        sites += _named(kind, chosen, spots, density, road_names, uses)
    return sites + _stations(areas)


@dataclass(frozen=True)
class _Spots:
    x: np.ndarray
    y: np.ndarray
    rank: np.ndarray
    road: np.ndarray
    district: np.ndarray


def _spots(rng: np.random.Generator, terrain: Terrain, network: Network, areas: Sequence[BaseGeometry]) -> _Spots:
    """Building plots beside streets: the middle of each edge moved 30 m to one side, on land, inside the city."""
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
    shapely.prepare(wet)
    fine = (district >= 0) & ~shapely.contains(wet, points) & (network.rank > 0)
    return _Spots(spot[fine, 0], spot[fine, 1], network.rank[fine], network.road[fine], district[fine])


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
) -> list[Site]:
    sites = []
    seen: dict[int, int] = {}
    parks = [b for b in uses if b.name_zh]
    for number, i in enumerate(chosen, 1):
        quarter = plan.QUARTERS[spots.district[i]]
        nth = seen[spots.district[i]] = seen.get(spots.district[i], 0) + 1
        short, short_en = quarter.name_zh.removesuffix("区"), quarter.name_en
        road, road_en = road_names[spots.road[i]]
        crowd = float(min(1.0, density[i]))
        attributes: dict[str, int | float | str] = {}
        match kind.key:
            case "service_hall":
                zh, en = (
                    (f"{quarter.name_zh}政务服务中心", f"{short_en} Government Service Centre")
                    if nth == 1
                    else (f"{short}{road}政务服务分中心", f"{road_en} Service Branch")
                )
                attributes = {"windows": round((22 if nth == 1 else 12) * (0.6 + 0.6 * crowd))}
                if quarter.code == plan.QUARTERS[0].code and nth == 1:
                    zh, en, attributes = (
                        f"{plan.NAME_ZH}政务服务中心",
                        f"{plan.NAME_EN} Government Service Centre",
                        {"windows": 36},
                    )
            case "fire_station":
                zh, en = f"{road}消防救援站", f"{road_en} Fire Station"
                attributes = {"engines": 2 + round(2 * crowd)}
            case "police_station":
                zh, en = f"{road}派出所", f"{road_en} Police Station"
            case "ambulance_station":
                zh, en = f"{road}急救站", f"{road_en} Ambulance Station"
                attributes = {"ambulances": 2 + round(2 * crowd)}
            case "hospital":
                zh, en = (
                    _HOSPITALS[number - 1]
                    if number <= len(_HOSPITALS)
                    else (f"{short}第{_numeral(nth)}医院", f"{short_en} Hospital {nth}")
                )
                zh, en = zh.format(short), en.format(short_en)
                attributes = {"beds": int(round(300 + 1100 * crowd, -1)), "emergency": 1}
            case "school":
                level, level_en = (("中学", "Middle School"), ("小学", "Primary School"), ("小学", "Primary School"))[nth % 3]
                ordinal = (nth + 2) // 3 if nth % 3 == 0 else nth - nth // 3 if nth % 3 else nth
                zh, en = f"{short}第{_numeral(ordinal)}{level}", f"{short_en} {level_en} No. {ordinal}"
                attributes = {"pupils": int(round(500 + 1300 * crowd, -1))}
            case "shelter":
                near = min(parks, key=lambda b: b.area.distance(shapely.Point(spots.x[i], spots.y[i])))
                if near.area.distance(shapely.Point(spots.x[i], spots.y[i])) < 350:
                    zh, en = f"{near.name_zh}应急避难场所", f"{near.name_en} Shelter"
                else:
                    zh, en = f"{road}应急避难场所", f"{road_en} Shelter"
                attributes = {"capacity": int(round(600 + 3400 * crowd, -2))}
            case _:
                zh, en = f"{short}应急物资库", f"{short_en} Emergency Warehouse"
                if nth > 1:
                    zh, en = f"{short}{road}物资库", f"{road_en} Warehouse"
        sites.append(
            Site(
                f"{kind.id_prefix}-{number:03d}", kind.key, zh, en, float(spots.x[i]), float(spots.y[i]), quarter.code, attributes
            )
        )
    return _distinct(sites)


_HOSPITALS = (
    (f"{plan.NAME_ZH}第一人民医院", f"{plan.NAME_EN} First People's Hospital"),
    *((("{}人民医院", "{} People's Hospital"),) * 11),
    (f"{plan.NAME_ZH}中心医院", f"{plan.NAME_EN} Central Hospital"),
    (f"{plan.NAME_ZH}中医医院", f"{plan.NAME_EN} Hospital of Chinese Medicine"),
    (f"{plan.NAME_ZH}儿童医院", f"{plan.NAME_EN} Children's Hospital"),
    (f"{plan.NAME_ZH}妇幼保健院", f"{plan.NAME_EN} Maternity Hospital"),
    (f"{plan.NAME_ZH}传染病医院", f"{plan.NAME_EN} Infectious Diseases Hospital"),
    (f"{plan.NAME_ZH}急救中心医院", f"{plan.NAME_EN} Trauma Centre"),
)


def _numeral(number: int) -> str:
    """一, 二, … 十, 十一, … 九十九."""
    digits = "零一二三四五六七八九"
    tens, units = divmod(number, 10)
    if tens == 0:
        return digits[units]
    return ("" if tens == 1 else digits[tens]) + "十" + (digits[units] if units else "")


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
                f"{site.name_zh}（{_numeral(n)}）",
                f"{site.name_en} {n}",
                site.x_m,
                site.y_m,
                site.district,
                site.attributes,
            )
        out.append(site)
    return out


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
