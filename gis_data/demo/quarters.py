"""What the ground of the demonstration city is used for: districts, blocks, parks, and where people live.

Areas are polygons in metres from the centre; population counts are whole people and add up: city = districts = squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy import sparse
from scipy.sparse import csgraph
from shapely.geometry.base import BaseGeometry

from gis_data.demo import plan
from gis_data.demo.network import Network
from gis_data.demo.streets import Fabric
from gis_data.demo.terrain import Field, Terrain, blank, blob, noise, softened, wander
from gis_data.demo.transit import track

SQUARE_M = 1000.0
#: Half the width kept free for each class of road when a block is drawn, metres, by rank.
VERGE_M = (26.0, 17.0, 12.0, 8.0)
#: Half the width of a railway's own ground, metres.
RAILWAY_M = 16.0
#: Borders between districts follow streets down to this rank, around faces no larger than this; the first come first.
BORDER_FACES = ((1, 6e6), (2, 3e6))
#: Ground a square may take, square metres; open ground smaller than this is a verge and no field.
SQUARE_BLOCK_M2, FIELD_M2 = (6_000.0, 60_000.0), 12_000.0
#: Residents per unit of urban intensity, relative: homes, shops and offices, colleges, works, parks, open country.
DWELLING = {"residential": 1.0, "commercial": 0.55, "campus": 0.4, "industrial": 0.08, "green": 0.0, "square": 0.0, "": 0.02}


def border(rng: np.random.Generator, terrain: Terrain) -> BaseGeometry:
    """The city's area: a ragged line on land, the coast, and the islands near it; inland water included."""
    grid = blank(28e3, 28e3, 100.0)
    x, y = grid.mesh
    ragged = (
        1000 * plan.RADIUS_KM
        - np.hypot(x, y)
        + 1300 * noise(rng, grid, 7.5e3, octaves=2)
        + 420 * noise(rng, grid, 2.2e3, octaves=3)
    )
    shape = softened(max(shapely.get_parts(Field(ragged, grid.west_m, grid.south_m, 100.0).above(0.0)), key=shapely.area), 1)
    whole = shapely.Polygon(shape.exterior)
    on_land = whole.intersection(terrain.mainland)
    islands = [
        p for p in shapely.get_parts(terrain.mainland) if p.area < 2e7 and p.centroid.distance(shapely.Point(0, 0)) < 23_500
    ]
    parts = [p for p in shapely.get_parts(on_land) if p.area > 2e5]
    return shapely.union_all([*parts, *islands])


def districts(rng: np.random.Generator, terrain: Terrain, area: BaseGeometry) -> tuple[BaseGeometry, ...]:
    """One area per `plan.QUARTERS`, covering `area` without gap or overlap; the river divides the two banks."""
    river = shapely.LineString(np.vstack([terrain.course[:, :2], [60_000.0, -36_000.0]]))
    box = area.envelope.buffer(8000, join_style="mitre")
    halves = list(shapely.get_parts(shapely.polygonize([shapely.union_all([box.exterior, river.intersection(box)])])))
    north_point = shapely.Point(0, 15_000)
    north = next(half for half in halves if half.contains(north_point))
    lines = [area.boundary, river.intersection(box)]
    for bank in ("north", "south"):
        # a line that overshoots the river a little is cut exactly where it crosses; one that ends on it may miss it
        side = (north if bank == "north" else box.difference(north)).buffer(60.0)
        seeds = [q.at_km for q in plan.QUARTERS if q.bank == bank]
        edges = shapely.voronoi_polygons(shapely.MultiPoint(np.array(seeds) * 1000), extend_to=box, only_edges=True)
        for edge in shapely.get_parts(edges):
            line = shapely.get_coordinates(shapely.segmentize(edge, 120.0))
            bent = wander(rng, wander(rng, line, 320.0, 3600.0), 110.0, 900.0) if len(line) > 8 else line
            lines.append(shapely.LineString(bent).intersection(side))
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(lines)]))
    members: list[list[BaseGeometry]] = [[] for _ in plan.QUARTERS]
    for face in faces:
        spot = face.representative_point()
        if not area.contains(spot):
            continue
        bank = "north" if north.contains(spot) or (spot.x > 12_000 and spot.y > -8_000) else "south"
        distance = [
            np.hypot(spot.x - q.at_km[0] * 1000, spot.y - q.at_km[1] * 1000) if q.bank == bank else np.inf for q in plan.QUARTERS
        ]
        members[int(np.argmin(distance))].append(face)
    return tuple(shapely.union_all(faces) for faces in members)


def along_streets(
    parts: Sequence[BaseGeometry], area: BaseGeometry, terrain: Terrain, network: Network
) -> tuple[BaseGeometry, ...]:
    """The districts with their borders led along arterials, else along secondary streets; on open ground they stay.

    A face between such streets goes to the district in which its middle lies; the river still divides the banks.
    """
    large, woven = shapely.MultiLineString(), shapely.MultiPolygon()
    for rank, face_m2 in BORDER_FACES:
        fresh_lines = shapely.union_all(network.shapes[network.rank <= rank]).difference(woven.buffer(-1.0))
        large = shapely.union_all([large, fresh_lines])
        faces = shapely.get_parts(shapely.polygonize([large]))
        woven = shapely.union_all(faces[shapely.area(faces) < face_m2])
    fresh = shapely.union_all([w.area for w in terrain.waters if w.kind == "river"]).buffer(60.0)
    old = shapely.union_all(shapely.boundary(np.array(parts, dtype=object))).difference(woven.difference(fresh).buffer(-1.0))
    lines = shapely.union_all([area.boundary, old, large.intersection(area)])
    faces = shapely.get_parts(shapely.polygonize([lines]))
    middle = shapely.point_on_surface(faces)
    prepared = area.buffer(-0.5)
    shapely.prepare(prepared)
    faces, middle = faces[shapely.contains(prepared, middle)], middle[shapely.contains(prepared, middle)]
    owner = np.argmin([shapely.distance(part, middle) for part in parts], axis=0)
    owner = _without_enclaves(faces, owner)
    return tuple(shapely.union_all(faces[owner == k]) for k in range(len(parts)))


def _without_enclaves(faces: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Pieces of a district cut off by another one are given to the neighbour with the longest common border."""
    one, other = shapely.STRtree(faces).query(faces, predicate="touches")
    shared = shapely.length(shapely.intersection(faces[one], faces[other]))
    one, other, shared = one[shared > 0.5], other[shared > 0.5], shared[shared > 0.5]
    size = shapely.area(faces)
    owner = owner.copy()
    for _ in range(3):
        kin = owner[one] == owner[other]
        links = sparse.coo_array((np.ones(kin.sum()), (one[kin], other[kin])), shape=(len(faces), len(faces)))
        count, group = csgraph.connected_components(links, directed=False)
        group_size = np.bincount(group, size, count)
        largest = np.zeros(int(owner.max()) + 1)
        np.maximum.at(largest, owner, group_size[group])
        astray = group_size[group] < largest[owner]
        changed = False
        for g in np.unique(group[astray]):
            border = (group[one] == g) & (group[other] != g)
            if border.any():  # an island has no neighbour and stays
                weight = np.bincount(owner[other[border]], shared[border])
                owner[group == g] = int(np.argmax(weight))
                changed = True
        if not changed:
            break
    return owner


def parks(rng: np.random.Generator) -> tuple[BaseGeometry, ...]:
    """The outline of each of `plan.PARKS`, before water and streets cut into it."""
    return tuple(blob(rng, park, 0.3) for park in plan.PARKS)


@dataclass(frozen=True)
class Block:
    """A piece of ground between streets and what it is used for; `name` only for parks and squares."""

    use: str
    area: BaseGeometry
    urban: float
    name_zh: str = ""
    name_en: str = ""


def blocks(
    rng: np.random.Generator,
    terrain: Terrain,
    fabric: Fabric,
    network: Network,
    lawns: Sequence[BaseGeometry],
    banks: BaseGeometry,
) -> tuple[Block, ...]:
    """The ground between the streets, each block with one use; parks first, works by the harbour, shops in the centres.

    `banks` are the planted banks of rivers and lakes, on which nothing is built.
    """
    shapes = network.shapes
    linework = shapely.union_all(shapes)
    faces = shapely.get_parts(shapely.polygonize([linework]))
    dry = _without(faces, terrain.wet)
    spots = shapely.point_on_surface(dry)
    x, y = shapely.get_x(spots), shapely.get_y(spots)
    urban = fabric.urban.at(x, y)
    size = shapely.area(dry)
    patch = blank(27e3, 27e3, 200.0)
    mood = Field(noise(rng, patch, 1500.0, octaves=2), patch.west_m, patch.south_m, 200.0).at(x, y)
    scatter = rng.normal(size=len(dry))
    shops, works, study = (
        np.max([np.exp(-(((x - e * 1000) ** 2 + (y - n * 1000) ** 2) / (r * 1000) ** 2)) for (e, n), r in spots_km], axis=0)
        for spots_km in (plan.COMMERCE_KM, plan.INDUSTRY_KM, plan.CAMPUS_KM)
    )
    use = np.full(len(dry), "residential", dtype=object)
    use[(shops + 0.13 * mood + 0.10 * scatter > 0.52) | (scatter > 2.1)] = "commercial"
    use[(works + 0.16 * mood > 0.42) & (shops < 0.75)] = "industrial"
    use[(study > 0.4) & (shops < 0.75)] = "campus"
    use[(scatter < -2.05) & (size < 9e4)] = "green"
    park_of = np.full(len(dry), -1)
    for k, lawn in enumerate(lawns):
        shapely.prepare(lawn)
        park_of[shapely.contains(lawn, spots)] = k
    for k, lawn in enumerate(lawns):  # a park whose only face has its inner point outside the outline
        if not (park_of == k).any():
            share = shapely.area(shapely.intersection(dry, lawn)) / np.maximum(size, 1.0)
            park_of[(share > 0.5) & (park_of < 0)] = k
    built = (park_of < 0) & (urban > 0.27) & (size > 1500) & (size < 1.6e6)
    inner = _inset(dry, network)
    railways = [track(line).buffer(RAILWAY_M) for line in plan.LINES if line.kind == "railway"]
    for kept_free in (shapely.union_all(railways), banks):
        shapely.prepare(kept_free)
        cut = shapely.intersects(kept_free, inner)
        inner[cut] = shapely.difference(inner[cut], kept_free)
    squares = []
    for i, (zh, en) in _squares(inner, built).items():
        ground, inner[i] = _paved(inner[i])
        squares.append(Block("square", ground, float(round(urban[i], 3)), zh, en))
    open_ground = (park_of < 0) & ~built & (size > FIELD_M2) & (urban > 0.1)
    fields = [Block("field", inner[i], float(round(urban[i], 3))) for i in np.flatnonzero(open_ground) if not inner[i].is_empty]
    plain = [
        Block(str(use[i]), inner[i], float(round(urban[i], 3)))
        for i in np.flatnonzero(built)
        if not inner[i].is_empty and inner[i].area > 700
    ]
    named = []
    for k, (park, lawn) in enumerate(zip(plan.PARKS, lawns, strict=True)):
        whole = shapely.union_all(inner[park_of == k]) if (park_of == k).any() else lawn.difference(terrain.wet)
        whole = whole.intersection(lawn.buffer(500)).buffer(0)
        if not whole.is_empty:
            named.append(Block("green", whole, 0.0, park.name_zh, park.name_en))
    return tuple(named + squares + plain + fields)


def _squares(blocks: np.ndarray, built: np.ndarray) -> dict[int, tuple[str, str]]:
    """For each of `plan.SQUARES` the index of the nearest built block that is compact, one of a square's size if possible."""
    size, girth = shapely.area(blocks), shapely.length(blocks)
    fit = built & (size > SQUARE_BLOCK_M2[0]) & (4 * np.pi * size > 0.55 * girth**2)
    detour = np.where(size > SQUARE_BLOCK_M2[1], 900.0, 0.0)
    found: dict[int, tuple[str, str]] = {}
    for zh, en, (east, north) in plan.SQUARES:
        far = np.where(fit, shapely.distance(blocks, shapely.Point(east * 1000, north * 1000)) + detour, np.inf)
        far[list(found)] = np.inf
        if np.isfinite(far).any():
            found[int(np.argmin(far))] = (zh, en)
    return found


def _paved(block: BaseGeometry) -> tuple[BaseGeometry, BaseGeometry]:
    """What a square takes of its block and what it leaves: all of it, or a round of a large square's size."""
    if block.area <= SQUARE_BLOCK_M2[1]:
        return block, shapely.Polygon()
    ground = block.intersection(shapely.point_on_surface(block).buffer((SQUARE_BLOCK_M2[1] / np.pi) ** 0.5))
    return ground, block.difference(ground.buffer(10.0))


def _without(faces: np.ndarray, wet: BaseGeometry) -> np.ndarray:
    """The dry pieces of every face: one that a river runs through gives a piece on either bank."""
    shapely.prepare(wet)
    touched = shapely.intersects(wet, faces)
    out = faces.copy()
    out[touched] = shapely.difference(faces[touched], wet)
    return np.asarray(shapely.get_parts(out[~shapely.is_empty(out)]))


def _inset(faces: np.ndarray, network: Network) -> np.ndarray:
    """Faces drawn back from the streets by half of each street's width."""
    inner = shapely.buffer(faces, -VERGE_M[3], join_style="mitre")
    for rank in (0, 1, 2):
        bands = shapely.buffer(network.shapes[network.rank == rank], VERGE_M[rank], cap_style="flat")
        tree = shapely.STRtree(bands)
        face, band = tree.query(inner, predicate="intersects")
        order = np.argsort(face, kind="stable")
        for group in np.split(order, np.flatnonzero(np.diff(face[order])) + 1):
            if len(group):
                i = face[group[0]]
                inner[i] = shapely.difference(inner[i], shapely.union_all(bands[band[group]]))
    return np.asarray(shapely.simplify(inner, 1.0))


def greenway(terrain: Terrain, fabric: Fabric) -> BaseGeometry:
    """The planted bank along river, lakes and streams inside the city."""
    fresh = shapely.union_all([w.area for w in terrain.waters if w.kind != "sea"])
    town = Field(
        (fabric.urban.values > 0.22).astype(float), fabric.urban.west_m, fabric.urban.south_m, fabric.urban.cell_m
    ).above(0.5)
    return fresh.buffer(70.0).difference(terrain.wet).intersection(town.buffer(300))


@dataclass(frozen=True)
class Squares:
    """The population grid: south-west corners (n × 2, metres), residents and district index of each square."""

    corner_m: np.ndarray
    population: np.ndarray
    district: np.ndarray


def population(fabric: Fabric, uses: Sequence[Block], areas: Sequence[BaseGeometry]) -> Squares:
    """Residents per kilometre square, adding up to `plan.POPULATION`; a square belongs to the district most of it lies in."""
    grid = blank(24_000.0, 24_000.0, 100.0, (50.0, 50.0))
    x, y = grid.mesh
    share = np.full(x.shape, DWELLING[""])
    for use in sorted({b.use for b in uses} & set(DWELLING)):
        inside = grid.painted(shapely.multipolygons(shapely.get_parts([b.area for b in uses if b.use == use])))
        share[inside] = DWELLING[use]
    label = np.full(x.shape, -1)
    for k, area in enumerate(areas):
        label[grid.painted(area)] = k
    people = np.where(label >= 0, share * (0.04 + fabric.urban.at(x, y)) ** 1.55, 0.0)
    column, row = ((v // SQUARE_M).astype(int) for v in (x, y))
    key = (row + 100) * 1000 + column + 100
    inside = label >= 0
    squares, index = np.unique(key[inside], return_inverse=True)
    weight = np.bincount(index, people[inside])
    votes = np.zeros((len(squares), len(areas)))
    np.add.at(votes, (index, label[inside]), 1)
    exact = weight / weight.sum() * plan.POPULATION
    whole = np.floor(exact).astype(int)
    order = np.argsort(whole - exact, kind="stable")
    whole[order[: plan.POPULATION - whole.sum()]] += 1
    corner = np.column_stack([squares % 1000 - 100, squares // 1000 - 100]) * SQUARE_M
    return Squares(corner, whole, votes.argmax(axis=1))
