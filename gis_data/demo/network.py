"""The road graph of the demonstration city: roads cut at their crossings into nodes and edges.

Expressways cross smaller streets without a junction (the street passes below) and meet arterials and one another at
interchanges. Lengths in metres; every edge is driven both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from gis_data.demo import plan
from gis_data.demo.streets import Road

RANK = {c.key: c.rank for c in plan.ROAD_CLASSES}
#: Crossings closer than this are one junction.
JUNCTION_M = 16.0
#: A dead end shorter than this is an artefact of drawing and is cut back to the last junction, by rank.
STUB_M = (900.0, 900.0, 420.0, 900.0)
#: A larger street that ends among lanes is no larger street from its last large crossing on, if that end is no longer than this.
TAIL_M = 3_000.0


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes (n × 2, metres) and edges: end nodes (m × 2), index of the road, rank of its class, geometry (each k × 2)."""

    nodes: np.ndarray
    ends: np.ndarray
    road: np.ndarray
    rank: np.ndarray
    lines: tuple[np.ndarray, ...]

    @cached_property
    def length_m(self) -> np.ndarray:
        """Length of every edge along its geometry."""
        return np.asarray(shapely.length(self.shapes))

    @cached_property
    def shapes(self) -> np.ndarray:
        """Every edge as a LineString."""
        return np.array([shapely.LineString(line) for line in self.lines], dtype=object)


def cut(roads: Sequence[Road], extent_m: tuple[float, float]) -> Network:
    """The network of the roads' largest connected part."""
    lines = [road.line for road in roads]
    rank = np.array([RANK[road.kind] for road in roads])
    breaks = _breaks(lines, rank)
    nodes, at = _junctions(breaks)
    edges = _edges(lines, breaks, at, nodes, rank)
    edges = _without_stubs(edges, nodes, extent_m)
    _grade(edges, nodes, extent_m)
    edges = _without_stubs(edges, nodes, extent_m)
    edges = _through(edges, nodes)
    return _largest(edges, nodes)


def _breaks(lines: Sequence[np.ndarray], rank: np.ndarray) -> np.ndarray:
    """Where roads are cut: rows (road, distance along in segments, x, y); every road's two ends included."""
    road = np.repeat(np.arange(len(lines)), [len(line) - 1 for line in lines])
    place = np.concatenate([np.arange(len(line) - 1) for line in lines])
    a = np.vstack([line[:-1] for line in lines])
    b = np.vstack([line[1:] for line in lines])
    tree = shapely.STRtree(shapely.linestrings(np.stack([a, b], axis=1)))
    i, j = tree.query(tree.geometries, predicate="intersects")
    near = (road[i] == road[j]) & (np.abs(place[i] - place[j]) <= 1)
    low, high = np.minimum(rank[road[i]], rank[road[j]]), np.maximum(rank[road[i]], rank[road[j]])
    keep = (i < j) & ~near & ~((low == 0) & (high >= 2))
    i, j = i[keep], j[keep]
    p, r, q, s = a[i], b[i] - a[i], a[j], b[j] - a[j]
    cross = r[:, 0] * s[:, 1] - r[:, 1] * s[:, 0]
    skew = np.abs(cross) > 1e-6 * np.hypot(*r.T) * np.hypot(*s.T)
    i, j, p, r, q, s, cross = i[skew], j[skew], p[skew], r[skew], q[skew], s[skew], cross[skew]
    t = ((q - p)[:, 0] * s[:, 1] - (q - p)[:, 1] * s[:, 0]) / cross
    u = ((q - p)[:, 0] * r[:, 1] - (q - p)[:, 1] * r[:, 0]) / cross
    point = np.round(p + t[:, None] * r, 2)
    ends = [
        (k, position, *np.round(line[row], 2))
        for k, line in enumerate(lines)
        for position, row in ((0.0, 0), (len(line) - 1.0, -1))
    ]
    rows = np.vstack(
        [
            np.column_stack([road[i], place[i] + np.clip(t, 0, 1), point]),
            np.column_stack([road[j], place[j] + np.clip(u, 0, 1), point]),
            np.array(ends),
        ]
    )
    return rows[np.lexsort((rows[:, 1], rows[:, 0]))]


def _junctions(breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Breaks closer than JUNCTION_M become one node at their middle: node positions, node of each break."""
    points, member = np.unique(breaks[:, 2:], axis=0, return_inverse=True)
    pairs = cKDTree(points).query_pairs(JUNCTION_M, output_type="ndarray")
    links = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    count, group = csgraph.connected_components(links, directed=False)
    size = np.bincount(group, minlength=count)
    nodes = np.column_stack([np.bincount(group, points[:, k], count) / size for k in (0, 1)])
    return np.round(nodes, 1), group[member.ravel()]


@dataclass
class _Edge:
    u: int
    v: int
    road: int
    rank: int
    line: np.ndarray
    length: float


def _edges(lines: Sequence[np.ndarray], breaks: np.ndarray, at: np.ndarray, nodes: np.ndarray, rank: np.ndarray) -> list[_Edge]:
    best: dict[tuple[int, int], list[_Edge]] = {}
    for k in range(len(breaks) - 1):
        if breaks[k, 0] != breaks[k + 1, 0] or at[k] == at[k + 1]:
            continue
        road = int(breaks[k, 0])
        first, last = int(np.floor(breaks[k, 1])) + 1, int(np.ceil(breaks[k + 1, 1]))
        u, v = int(at[k]), int(at[k + 1])
        between = lines[road][first:last]
        if len(between):  # a vertex right beside a junction would make a kink
            clear = (np.hypot(*(between - nodes[u]).T) > JUNCTION_M) & (np.hypot(*(between - nodes[v]).T) > JUNCTION_M)
            between = between[clear]
        line = np.vstack([nodes[u], between, nodes[v]])
        edge = _Edge(u, v, road, int(rank[road]), line, float(np.hypot(*np.diff(line, axis=0).T).sum()))
        twins = best.setdefault((min(u, v), max(u, v)), [])
        same = [twin for twin in twins if abs(twin.length - edge.length) < 0.25 * twin.length]
        if not same:
            twins.append(edge)
        elif edge.rank < same[0].rank:
            twins[twins.index(same[0])] = edge
    return [edge for twins in best.values() for edge in twins]


def _degrees(edges: Sequence[_Edge], count: int) -> np.ndarray:
    return np.bincount([end for edge in edges for end in (edge.u, edge.v)], minlength=count)


def _leaves_map(nodes: np.ndarray, extent_m: tuple[float, float]) -> np.ndarray:
    return np.asarray((np.abs(nodes) > np.array(extent_m) - 2500).any(axis=1))


def _grade(edges: Sequence[_Edge], nodes: np.ndarray, extent_m: tuple[float, float]) -> None:
    """Makes arterials and secondary streets local from the last crossing with one of their like to where they end."""
    leaves_map = _leaves_map(nodes, extent_m)
    local = plan.LOCAL.rank
    while True:
        large = _degrees([e for e in edges if e.rank < local], len(nodes))
        tails = [
            e
            for e in edges
            if 0 < e.rank < local
            and e.length < TAIL_M
            and ((large[e.u] == 1 and not leaves_map[e.u]) or (large[e.v] == 1 and not leaves_map[e.v]))
        ]
        if not tails:
            return
        for edge in tails:
            edge.rank = local


def _without_stubs(edges: list[_Edge], nodes: np.ndarray, extent_m: tuple[float, float]) -> list[_Edge]:
    """Dead ends that are mere overshoots removed, until none is left; roads that leave the map stay."""
    leaves_map = _leaves_map(nodes, extent_m)
    while True:
        degree = _degrees(edges, len(nodes))
        kept = [
            e
            for e in edges
            if not (
                ((degree[e.u] == 1 and not leaves_map[e.u]) or (degree[e.v] == 1 and not leaves_map[e.v]))
                and e.length < STUB_M[e.rank]
            )
        ]
        if len(kept) == len(edges):
            return kept
        edges = kept


def _through(edges: list[_Edge], nodes: np.ndarray) -> list[_Edge]:
    """Two edges of one road that meet where nothing else does become one."""
    touching: dict[int, list[_Edge]] = {}
    for edge in edges:
        touching.setdefault(edge.u, []).append(edge)
        touching.setdefault(edge.v, []).append(edge)
    gone: set[int] = set()
    for node in sorted(touching):
        pair = [e for e in touching[node] if id(e) not in gone]
        if len(pair) != 2 or pair[0] is pair[1] or pair[0].rank != pair[1].rank or pair[0].road != pair[1].road:
            continue
        a, b = pair
        head = a.line if a.v == node else a.line[::-1]
        tail = b.line if b.u == node else b.line[::-1]
        u, v = (a.u if a.v == node else a.v), (b.v if b.u == node else b.u)
        if u == v:
            continue
        merged = _Edge(u, v, a.road, a.rank, np.vstack([head, tail[1:]]), a.length + b.length)
        gone |= {id(a), id(b)}
        edges.append(merged)
        touching[u].append(merged)
        touching[v].append(merged)
    return [e for e in edges if id(e) not in gone]


def _largest(edges: list[_Edge], nodes: np.ndarray) -> Network:
    u, v = np.array([e.u for e in edges]), np.array([e.v for e in edges])
    links = sparse.coo_array((np.ones(len(u)), (u, v)), shape=(len(nodes), len(nodes)))
    _, group = csgraph.connected_components(links, directed=False)
    main = np.argmax(np.bincount(group[u]))
    kept = [e for e in edges if group[e.u] == main]
    kept.sort(key=lambda e: (e.rank, e.road, e.u, e.v))
    used = np.unique([end for e in kept for end in (e.u, e.v)])
    renumber = np.full(len(nodes), -1)
    renumber[used] = np.arange(len(used))
    lines = shapely.simplify([shapely.LineString(e.line) for e in kept], 1.2)
    return Network(
        nodes[used],
        renumber[np.array([(e.u, e.v) for e in kept])],
        np.array([e.road for e in kept]),
        np.array([e.rank for e in kept]),
        tuple(np.round(shapely.get_coordinates(line), 1) for line in lines),
    )
