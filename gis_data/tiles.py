"""Basemap tiles: a city's layers cut into our own vector tiles, in one PMTiles file.

Zoom 8 to 16 (the map over-zooms beyond); every layer has its rules: from which zoom it is shown, how small a thing may
be in pixels, which properties travel at which zoom. Geometry is simplified to less than half a pixel. Formats: Mapbox
Vector Tile 2.1 (`gis_data.mvt`), PMTiles 3.
"""

from __future__ import annotations

import gzip
import mmap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pmtiles import tile as pm
from pmtiles import writer as pm_writer

from gis_data import mvt
from gis_data.layers import Layer

MIN_ZOOM, MAX_ZOOM = 6, 16
FILE_NAME = "basemap.pmtiles"
#: A tile carries this much of its neighbours, in tiles, so that wide strokes do not break at its edge (64 of 4096 units).
BUFFER = 64 / 4096
#: Pixels of one tile on screen, as MapLibre counts them.
TILE_PX = 512
SIMPLIFY_PX = 0.4
#: From here on a pixel is finer than what the layers are drawn to (about a metre), and nothing is simplified.
AS_DRAWN_FROM = 15


@dataclass(frozen=True)
class Drawn:
    """One layer of the tiles: what is drawn (`source` rows, world units of zoom 0), and its rules per zoom.

    `least_px` drops areas and lines smaller than this many pixels across; `properties(row, zoom)` gives what travels,
    or None when the feature is not shown at that zoom. Lines that are `is_joined` run on where equal ones meet, so that a
    street bears its name once and not at every crossing. What `is_plain` has nothing to simplify. What is no larger than
    `overhang` of a tile is not cut at its edge, where the map does not draw it twice.
    """

    name: str
    shapes: np.ndarray
    rows: Sequence[Mapping[str, Any]]
    properties: Callable[[Mapping[str, Any], int], Mapping[str, Any] | None]
    zooms: tuple[int, int] = (MIN_ZOOM, MAX_ZOOM)
    least_px: float = 0.0
    is_joined: bool = False
    is_plain: bool = False
    overhang: float = 0.0


def world(shapes: np.ndarray) -> np.ndarray:
    """WGS-84 degrees to the unit square of Web Mercator: x east from −180°, y south from 85.05° N."""

    def project(lonlat: np.ndarray) -> np.ndarray:
        sine = np.sin(np.radians(lonlat[:, 1]))
        return np.column_stack([lonlat[:, 0] / 360 + 0.5, 0.5 - np.arctanh(sine) / (2 * np.pi)])

    return np.asarray(shapely.transform(shapes, project))


def _names(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in ("name_zh", "name_en") if row.get(key)}


_ROAD_FROM = {"expressway": 8, "arterial": 9, "secondary": 10, "local": 12}
_ROAD_NAME_FROM = {"expressway": 10, "arterial": 12, "secondary": 13, "local": 14}


def _road(row: Mapping[str, Any], zoom: int) -> Mapping[str, Any] | None:
    if zoom < _ROAD_FROM.get(row["class"], MIN_ZOOM):
        return None
    shown: dict[str, Any] = {"class": row["class"]}
    if zoom >= 13 and row.get("bridge"):
        shown["bridge"] = 1
    if zoom >= _ROAD_NAME_FROM.get(row["class"], 14):
        shown |= _names(row)
    return shown


#: The zoom from which a kind of place is in the tiles; the application draws live places itself.
_PLACE_FROM = {"metro_station": 11, "railway_station": 10, "service_hall": 12, "hospital": 12, "mall": 13, "square": 13}


def _place(row: Mapping[str, Any], zoom: int) -> Mapping[str, Any] | None:
    if zoom < _PLACE_FROM.get(row["kind"], 14):
        return None
    shown = {"kind": row["kind"], "place": row["id"], **_names(row)}
    lines = (row.get("attributes") or {}).get("interchange")
    return shown | {"interchange": 1} if lines else shown


def _label(row: Mapping[str, Any], zoom: int) -> Mapping[str, Any] | None:
    return {"kind": row["kind"], "rank": row["rank"], **_names(row)} if zoom >= row["from"] else None


def drawn(layers: Mapping[str, Layer]) -> list[Drawn]:
    """The tile layers a city's layers give; a city may have only some of them."""
    out: list[Drawn] = []

    def add(name: str, properties: Callable[[Mapping[str, Any], int], Mapping[str, Any] | None], **rules: Any) -> None:
        if name in layers and len(layers[name].shapes):
            layer = layers[name]
            shapes = world(layer.shapes)
            shapes = shapely.orient_polygons(shapes if rules.get("is_plain") else _mended(shapes))
            out.append(Drawn(name, shapes, layer.properties, properties, **rules))

    add("relief", lambda row, _: {"height_m": row["height_m"]}, zooms=(MIN_ZOOM, 14), least_px=2.0)
    add("beyond", lambda row, _: {"height_m": row["height_m"]}, zooms=(MIN_ZOOM, 11))
    add("urban", lambda row, _: {"level": row["level"]}, zooms=(MIN_ZOOM, 13), least_px=2.0)
    add("landuse", lambda row, _: {"use": row["use"]}, zooms=(11, MAX_ZOOM), least_px=1.5, overhang=0.25)
    add("green", lambda row, _: {"kind": row["kind"]}, zooms=(9, MAX_ZOOM), least_px=1.5)
    add("paths", lambda row, _: {"kind": row["kind"]}, zooms=(13, MAX_ZOOM))
    add("buildings", lambda row, _: {"floors": row["floors"]}, zooms=(14, MAX_ZOOM), is_plain=True, overhang=0.25)
    add("water", lambda row, zoom: None if row["kind"] == "stream" and zoom < 10 else {"kind": row["kind"]}, least_px=1.0)
    add("piers", lambda row, _: {"kind": row["kind"]}, zooms=(10, MAX_ZOOM), least_px=0.5)
    add("lanes", lambda row, zoom: {"kind": row["kind"], **(_names(row) if zoom >= 10 else {})})
    add("districts", lambda row, _: {"id": row["number"], "code": row["code"], **_names(row)})
    add("borders", lambda row, _: {"outer": row["outer"]})
    add(
        "waterways",
        lambda row, zoom: {"kind": row["kind"], **_names(row)} if zoom >= (10 if row["kind"] == "river" else 12) else None,
    )
    add(
        "rails",
        lambda row, zoom: {"kind": row["kind"], "line": row.get("line", 0), **(_names(row) if zoom >= 12 else {})},
        zooms=(9, MAX_ZOOM),
    )
    add("roads", _road, is_joined=True)
    add("places", _place, zooms=(10, MAX_ZOOM))
    add("labels", _label)
    return out


def with_derived(layers: Mapping[str, Layer]) -> dict[str, Layer]:
    """The layers plus what is drawn from them: numbered districts, each border once, points for labels."""
    out = dict(layers)
    named = layers.get("labels")
    labels: list[tuple[Any, Mapping[str, Any]]] = list(zip(named.shapes, named.properties, strict=True)) if named else []
    if (districts := layers.get("districts")) is not None and len(districts.shapes):
        out["districts"] = Layer(
            "districts", districts.shapes, [{**row, "number": k} for k, row in enumerate(districts.properties, 1)]
        )
        out["borders"] = _borders(districts.shapes)
        labels += [
            (_label_point(shape, row), {"kind": "district", "rank": 1, "from": MIN_ZOOM, **_names(row)})
            for shape, row in zip(districts.shapes, districts.properties, strict=True)
        ]
    for name, kind, zoom in (("water", "lake", 11), ("green", "park", 12)):
        for shape, row in zip(layers[name].shapes, layers[name].properties, strict=True) if name in layers else ():
            if row.get("name_zh") and row["kind"] == kind:
                labels.append((inner_point(shape), {"kind": kind, "rank": 3, "from": zoom, **_names(row)}))
    if labels:
        shapes = np.empty(len(labels), dtype=object)
        shapes[:] = [shape for shape, _ in labels]
        out["labels"] = Layer("labels", shapes, [row for _, row in labels])
    return out


def _label_point(shape: Any, row: Mapping[str, Any]) -> Any:
    at = row.get("label_at")
    return shapely.Point(at) if at else inner_point(shape)


def inner_point(shape: Any) -> Any:
    """The middle of the largest circle inside, to a hundredth of the shape's size."""
    largest = max(shapely.get_parts(shape), key=lambda part: part.area)
    west, south, east, north = largest.bounds
    line = shapely.maximum_inscribed_circle(largest, tolerance=max(east - west, north - south) / 100)
    return shapely.get_point(line, 0)


def _borders(shapes: np.ndarray) -> Layer:
    """Every border once: inner ones between two districts, outer ones around them all."""
    outline = shapely.boundary(shapely.union_all(shapes))
    every = shapely.union_all(shapely.boundary(shapes))
    inner = shapely.line_merge(shapely.difference(every, outline))
    lines = np.array([outline, *([inner] if not shapely.is_empty(inner) else [])], dtype=object)
    return Layer("borders", lines, [{"outer": 1}, {"outer": 0}][: len(lines)])


def build(layers: Mapping[str, Layer], target: Path, max_zoom: int = MAX_ZOOM) -> int:
    """Cuts the layers into tiles and writes them as PMTiles; returns the number of tiles. The same layers give the same bytes."""
    plans = drawn(with_derived(layers))
    if not plans:
        raise ValueError(f"{target}: no layer to draw: a city needs at least districts or places")
    tiles: dict[int, bytes] = {}
    for zoom in range(MIN_ZOOM, max_zoom + 1):
        tiles |= cut(plans, zoom)
    west, south, east, north = shapely.total_bounds(np.concatenate([layer.shapes for layer in layers.values()]))
    focus = layers.get("districts") or next(iter(layers.values()))
    w, s, e, n = focus.bounds
    with target.open("wb") as file:
        writer: Any = pm_writer.Writer(file)  # type: ignore[no-untyped-call]
        for key in sorted(tiles):
            writer.write_tile(key, tiles[key])
        writer.finalize(
            {
                "tile_type": pm.TileType.MVT,
                "tile_compression": pm.Compression.GZIP,
                "min_lon_e7": round(west * 1e7),
                "min_lat_e7": round(south * 1e7),
                "max_lon_e7": round(east * 1e7),
                "max_lat_e7": round(north * 1e7),
                "center_zoom": 10,
                "center_lon_e7": round((w + e) / 2 * 1e7),
                "center_lat_e7": round((s + n) / 2 * 1e7),
            },
            {
                "vector_layers": [
                    {"id": plan.name, "fields": {}, "minzoom": plan.zooms[0], "maxzoom": plan.zooms[1]} for plan in plans
                ]
            },
        )
    return len(tiles)


def cut(plans: Iterable[Drawn], zoom: int) -> dict[int, bytes]:
    """Gzipped tiles of one zoom level, by PMTiles tile id."""
    encoded = mvt.encode([(plan.name, *ready) for plan in plans if (ready := _prepare(plan, zoom)) is not None])
    side = 1 << zoom
    return {pm.zxy_to_tileid(zoom, key % side, key // side): gzip.compress(body, 6, mtime=0) for key, body in encoded.items()}


def _prepare(plan: Drawn, zoom: int) -> tuple[mvt.Piece, list[Mapping[str, Any]]] | None:
    """The layer's geometries of one zoom: chosen, simplified, cut to tiles, each with the number of its properties."""
    if not plan.zooms[0] <= zoom <= plan.zooms[1]:
        return None
    tables, feature = _shown(plan, zoom)
    shapes, feature = plan.shapes[feature >= 0], feature[feature >= 0]
    if not len(shapes):
        return None
    if plan.is_joined:
        shapes, feature = _merged(shapes, feature)
    pixel = 1 / (TILE_PX << zoom)
    dimension = shapely.get_dimensions(shapes)
    if plan.least_px:
        area_px = shapely.area(shapes) / pixel**2
        keep = (dimension < 2) | (area_px >= plan.least_px**2)
        shapes, feature, dimension = shapes[keep], feature[keep], dimension[keep]
    if len(shapes) and dimension.max() > 0 and not plan.is_plain and zoom < AS_DRAWN_FROM:
        shapes = _mended(shapely.simplify(shapes, SIMPLIFY_PX * pixel, preserve_topology=bool(dimension.max() == 2)))
    shapes, index = shapely.get_parts(shapes, return_index=True)
    drawn_on = ~shapely.is_empty(shapes)
    shapes, feature = shapes[drawn_on], feature[index[drawn_on]]
    piece = _to_tiles(shapes, feature, zoom, plan.overhang)
    return None if piece is None else (piece, tables)


def _shown(plan: Drawn, zoom: int) -> tuple[list[Mapping[str, Any]], np.ndarray]:
    """What properties there are at a zoom, and which of them each shape has (−1: not shown). Rows may share one mapping."""
    tables: dict[tuple[Any, ...], int] = {}
    known: dict[int, int] = {}
    feature = np.empty(len(plan.shapes), dtype=np.int64)
    for k, row in enumerate(plan.rows):
        number = known.get(id(row))
        if number is None:
            shown = plan.properties(row, zoom)
            number = known[id(row)] = -1 if shown is None else tables.setdefault(tuple(shown.items()), len(tables))
        feature[k] = number
    return [dict(key) for key in tables], feature


def _mended(shapes: np.ndarray) -> np.ndarray:
    """Invalid shapes made valid: rings may touch once they are simplified, and clipping such a polygon can turn it inside out."""
    torn = ~shapely.is_valid(shapes)
    if torn.any():
        shapes = shapes.copy()
        shapes[torn] = shapely.orient_polygons(shapely.make_valid(shapes[torn], method="structure", keep_collapsed=False))
    return shapes


def _merged(shapes: np.ndarray, feature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lines of equal properties joined end to end, so that simplification does not stop at every crossing."""
    lines, index = shapely.get_parts(shapes, return_index=True)
    order = np.argsort(feature[index], kind="stable")
    numbers, group = np.unique(feature[index][order], return_inverse=True)
    joined, index = shapely.get_parts(
        shapely.line_merge(shapely.multilinestrings(lines[order], indices=group)), return_index=True
    )
    return joined, numbers[index]


def _to_tiles(shapes: np.ndarray, feature: np.ndarray, zoom: int, overhang: float) -> mvt.Piece | None:
    """Each shape cut to every tile it touches. Large ones are first cut to blocks of 16 × 16, then 4 × 4 tiles."""
    side = 1 << zoom
    block, origin, is_cut = side, np.zeros((len(shapes), 2), dtype=np.int64), np.zeros(len(shapes), dtype=bool)
    for finer in (16, 4, 1):
        finer = min(finer, block)
        bounds = shapely.bounds(shapes) * side
        index, corner = _touching(bounds, origin, block, finer)
        cut_shapes, cut_now = _clipped(shapes[index], bounds[index], corner, finer, side, overhang)
        alive = ~shapely.is_empty(cut_shapes)
        shapes, feature, origin, block = cut_shapes[alive], feature[index][alive], corner[alive], finer
        is_cut = (is_cut[index] | cut_now)[alive]
    if not len(shapes):
        return None
    return mvt.Piece(origin[:, 1] * side + origin[:, 0], shapes, origin.astype(float), feature, is_cut, side)


def _touching(bounds: np.ndarray, origin: np.ndarray, block: int, finer: int) -> tuple[np.ndarray, np.ndarray]:
    """Which finer blocks of its own block (of `block` tiles from `origin`) each shape's buffered box touches.

    `bounds` and corners in tiles. Gives the index of the shape and the corner (n × 2) of each pair.
    """
    low = np.floor((bounds[:, :2] - 2 * BUFFER) / finer).astype(np.int64)
    high = np.floor((bounds[:, 2:] + 2 * BUFFER) / finer).astype(np.int64)
    low, high = np.maximum(low, origin // finer), np.minimum(high, (origin + block - 1) // finer)
    across, down = np.maximum(high - low + 1, 0).T
    count = across * down
    index = np.repeat(np.arange(len(bounds)), count)
    nth = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    corner = low[index] + np.column_stack([nth % across[index], nth // across[index]]) if len(index) else low[index]
    return index, corner * finer


def _clipped(
    shapes: np.ndarray, bounds: np.ndarray, corner: np.ndarray, block: int, side: int, overhang: float
) -> tuple[np.ndarray, np.ndarray]:
    """Each shape cut to its block of tiles plus the buffer, and whether it was: those inside, or nearly, are left as they are."""
    # wider around larger blocks: clip_by_rect errs on polygons whose edges already lie along the rectangle
    margin = BUFFER * (1 + np.log2(block) / 4)
    low, high = corner - margin, corner + block + margin
    inside = (bounds[:, :2] >= low - overhang).all(axis=1) & (bounds[:, 2:] <= high + overhang).all(axis=1)
    out = shapes.copy()
    todo = np.flatnonzero(~inside)
    if len(todo):
        low, high = low / side, high / side
        order = todo[np.lexsort((corner[todo, 0], corner[todo, 1]))]
        edges = np.flatnonzero((np.diff(corner[order], axis=0) != 0).any(axis=1)) + 1
        for group in np.split(order, edges):
            out[group] = shapely.clip_by_rect(shapes[group], *low[group[0]], *high[group[0]])
        grown = todo[shapely.area(out[todo]) > shapely.area(shapes[todo]) * (1 + 1e-9)]
        out[grown] = shapely.intersection(shapes[grown], shapely.box(*low[grown].T, *high[grown].T))
    return out, ~inside


class TileStore:
    """Reads tiles from a PMTiles file by memory map. Safe to share between threads; the file must not change below it."""

    def __init__(self, path: Path) -> None:
        """Raises ValueError when the file is missing or is not PMTiles 3."""
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._header = pm.deserialize_header(self._map[:127])
        except (FileNotFoundError, ValueError, pm.MagicNumberNotFound, pm.SpecVersionUnsupported) as error:
            raise ValueError(f"{path}: cannot be read as PMTiles 3 ({error}): build the city again to write it anew") from None
        root = self._header["root_offset"]
        self._root = pm.deserialize_directory(self._map[root : root + self._header["root_length"]])
        self._leaves: dict[int, list[pm.Entry]] = {}

    @property
    def zooms(self) -> tuple[int, int]:
        """The lowest and highest zoom in the file."""
        return self._header["min_zoom"], self._header["max_zoom"]

    def get(self, z: int, x: int, y: int) -> bytes | None:
        """The gzipped vector tile, or None where nothing is drawn."""
        if not (self.zooms[0] <= z <= self.zooms[1] and 0 <= x < 1 << z and 0 <= y < 1 << z):
            return None
        number = pm.zxy_to_tileid(z, x, y)
        directory = self._root
        while (entry := pm.find_tile(directory, number)) is not None:
            if entry.run_length:
                start = self._header["tile_data_offset"] + entry.offset
                return self._map[start : start + entry.length]
            directory = self._leaf(entry)
        return None

    def _leaf(self, entry: pm.Entry) -> list[pm.Entry]:
        if entry.offset not in self._leaves:
            start = self._header["leaf_directory_offset"] + entry.offset
            self._leaves[entry.offset] = pm.deserialize_directory(self._map[start : start + entry.length])
        return self._leaves[entry.offset]
