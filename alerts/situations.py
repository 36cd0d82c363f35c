"""Situations: warnings that belong together, so that a storm is one thing to an operator and not three hundred.

Two warnings belong together when they were raised within `Bonds.apart_s` of one another, and

- they are of one hazard, no farther apart than `Bonds.reach_of` it, or
- the hazard of one is what causes the other's (`Bonds.causes`, over any number of steps), no farther apart than
  `Bonds.causal_reach_m`, or
- their objects are linked: a gauge and the next one downstream, detectors of one road.

What belongs together over any chain of such pairs is one situation, if it has `Bonds.least` members; otherwise its warnings
stand by themselves. Its root is the warning that nothing in it causes: of the hazard nearest to the beginning of the causes,
raised first. What was one situation stays one until its last member ends: it may be joined by others, but neither falls apart
nor is given up when few are left. It keeps its number; of several that become one, the number of most members, the lowest of
several such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, radians

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from alerts.practice import Bonds
from gis_data.crs import METRES_PER_DEGREE


@dataclass(frozen=True, slots=True)
class Member:
    """A warning as far as that matters here. `situation`: the number it bears already."""

    warning_id: str
    hazard: str
    object_id: str
    raised_at: datetime
    lon: float | None
    lat: float | None
    situation: int | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """Warnings that belong together, in the order in which they were raised. `number` None: a new one."""

    number: int | None
    root: str
    members: tuple[str, ...]
    lon: float | None
    lat: float | None


def gather(members: Sequence[Member], bonds: Bonds, links: Iterable[tuple[str, str]] = ()) -> list[Situation]:
    """The situations among warnings that stand, the largest first. `links`: pairs of objects that are linked."""
    if not members:
        return []
    pairs = [*_near(members, bonds), *_linked(members, bonds, links), *_kept(members)]
    rows, columns = (np.array([pair[k] for pair in pairs], np.intp) for k in (0, 1))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(members), len(members)))
    n, label = connected_components(graph, directed=False)
    groups: list[list[Member]] = [[] for _ in range(n)]
    for member, group in zip(members, label, strict=True):
        groups[group].append(member)
    whole = [
        sorted(group, key=lambda m: (m.raised_at, m.warning_id))
        for group in groups
        if len(group) >= bonds.least or any(member.situation is not None for member in group)
    ]
    whole.sort(key=lambda group: (-len(group), group[0].raised_at, group[0].warning_id))
    numbers = _numbers(whole)
    return [_situation(group, number, bonds) for group, number in zip(whole, numbers, strict=True)]


def outline(places: Sequence[tuple[float, float]], margin_m: float = 300.0) -> shapely.Geometry | None:
    """The area around some places (lon, lat): their hull, `margin_m` wider. None without any."""
    if not places:
        return None
    lat = float(np.mean([place[1] for place in places]))
    across = METRES_PER_DEGREE * cos(radians(lat))
    hull = shapely.MultiPoint([(x * across, y * METRES_PER_DEGREE) for x, y in places]).convex_hull.buffer(margin_m, quad_segs=4)
    return shapely.transform(hull, lambda xy: xy / np.array([across, METRES_PER_DEGREE]))


def _situation(group: list[Member], number: int | None, bonds: Bonds) -> Situation:
    root = min(group, key=lambda member: (bonds.depth(member.hazard), member.raised_at, member.warning_id))
    placed = [(m.lon, m.lat) for m in group if m.lon is not None and m.lat is not None]
    lon, lat = (float(np.mean([place[k] for place in placed])) if placed else None for k in (0, 1))
    return Situation(number, root.warning_id, tuple(member.warning_id for member in group), lon, lat)


def _numbers(groups: Sequence[Sequence[Member]]) -> list[int | None]:
    """The number each group keeps; no two keep the same."""
    taken: set[int] = set()
    numbers: list[int | None] = []
    for group in groups:
        borne = Counter(member.situation for member in group if member.situation is not None and member.situation not in taken)
        kept = min(borne, key=lambda number: (-borne[number], number), default=None)
        numbers.append(kept)
        if kept is not None:
            taken.add(kept)
    return numbers


def _near(members: Sequence[Member], bonds: Bonds) -> list[tuple[int, int]]:
    placed = [k for k, member in enumerate(members) if member.lon is not None and member.lat is not None]
    if len(placed) < 2:
        return []
    places = np.array([(members[k].lon, members[k].lat) for k in placed], float)
    scale = np.array([cos(radians(float(np.median(places[:, 1])))) * METRES_PER_DEGREE, METRES_PER_DEGREE])
    points = places * scale
    found = []
    for a, b in cKDTree(points).query_pairs(max(bonds.reach_m, bonds.causal_reach_m, *bonds.reaches.values())):
        one, other = members[placed[a]], members[placed[b]]
        is_causal = bonds.is_caused(one.hazard, other.hazard) or bonds.is_caused(other.hazard, one.hazard)
        reach_m = bonds.causal_reach_m if is_causal else bonds.reach_of(one.hazard) if one.hazard == other.hazard else -1.0
        if float(np.hypot(*(points[a] - points[b]))) <= reach_m and _is_soon(one, other, bonds):
            found.append((placed[a], placed[b]))
    return found


def _kept(members: Sequence[Member]) -> list[tuple[int, int]]:
    """Members of one situation, each with the first of them."""
    first: dict[int, int] = {}
    return [
        (first[member.situation], k)
        for k, member in enumerate(members)
        if member.situation is not None and first.setdefault(member.situation, k) != k
    ]


def _linked(members: Sequence[Member], bonds: Bonds, links: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    by_object: dict[str, list[int]] = {}
    for k, member in enumerate(members):
        by_object.setdefault(member.object_id, []).append(k)
    return [
        (a, b)
        for one, other in links
        for a in by_object.get(one, ())
        for b in by_object.get(other, ())
        if a != b and _is_soon(members[a], members[b], bonds)
    ]


def _is_soon(one: Member, other: Member, bonds: Bonds) -> bool:
    return abs((one.raised_at - other.raised_at).total_seconds()) <= bonds.apart_s
