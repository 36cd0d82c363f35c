"""Mapbox Vector Tiles, written for many tiles at once.

One call encodes all features of one zoom level: coordinates are quantised, delta-coded and packed as arrays, which is
what makes a city's tiles a matter of seconds in Python. Format: Mapbox Vector Tile Specification 2.1, sections 4.1–4.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

EXTENT = 4096
_POINT, _LINE, _POLYGON = 1, 2, 3
_MOVE, _DRAW, _CLOSE = 1, 2, 7

_SHORT = tuple(bytes([number]) for number in range(0x80))

Properties = Mapping[str, str | int | float | bool]


@dataclass(frozen=True)
class Piece:
    """Geometries ready for one zoom level's tiles, as parallel arrays.

    `tile` is a sortable key of the tile, `shape` the clipped geometry in the unit square of the world (y down), `origin` the
    tile's corner in tiles (n × 2), `feature` a number per feature: equal numbers in one tile of one layer become one feature
    with the properties of that number. Polygons have their outer rings anticlockwise as the world is written here, save
    those that `is_cut`, which may have been turned. `side` tiles make the world's side at this zoom.
    """

    tile: np.ndarray
    shape: np.ndarray
    origin: np.ndarray
    feature: np.ndarray
    is_cut: np.ndarray
    side: int


def encode(layers: Sequence[tuple[str, Piece, Sequence[Properties]]]) -> dict[int, bytes]:
    """The bytes of every tile that has a feature, by tile key; layers appear in the order given.

    `layers` holds a name, its pieces and the properties by feature number. Deterministic: the same pieces in the same
    order give the same bytes. A property `id` that is an integer also becomes the feature's id.
    """
    tiles: dict[int, bytearray] = {}
    for name, piece, properties in layers:
        for key, body in _encode_layer(name, piece, properties):
            tiles.setdefault(key, bytearray()).extend(b"\x1a" + _varint(len(body)) + body)
    return {key: bytes(body) for key, body in tiles.items()}


def _encode_layer(name: str, piece: Piece, properties: Sequence[Properties]) -> list[tuple[int, bytes]]:
    flat = _flatten(piece)
    if flat is None:
        return []
    kind, tile, feature, payload, bounds = flat
    out: list[tuple[int, bytes]] = []
    head = b"\x0a" + _packed(name.encode())
    tail = b"\x28" + _varint(EXTENT) + b"\x78\x02"
    # each word and value as it stands in a tile's tables, made once: most tiles repeat those of their neighbours
    rows = [[(_entry(3, word.encode()), _entry(4, _value(value))) for word, value in row.items()] for row in properties]
    ids = [_id(row.get("id")) for row in properties]
    middle = b"\x18" + bytes([kind]) + b"\x22"
    keys: dict[bytes, int] = {}
    values: dict[bytes, int] = {}
    body = bytearray()
    current = -1
    edges = bounds.tolist()
    for k, (key, number) in enumerate(zip(tile.tolist(), feature.tolist(), strict=True)):
        if key != current:
            if current >= 0:
                out.append((current, b"".join((head, body, *keys, *values, tail))))
            current, keys, values, body = key, {}, {}, bytearray()
        tags = bytearray()
        for word, value in rows[number]:
            tags += _varint(keys.setdefault(word, len(keys)))
            tags += _varint(values.setdefault(value, len(values)))
        geometry = payload[edges[k] : edges[k + 1]]
        message = b"".join((ids[number], b"\x12", _varint(len(tags)), tags, middle, _varint(len(geometry)), geometry))
        body += b"\x12" + _varint(len(message)) + message
    if current >= 0:
        out.append((current, b"".join((head, body, *keys, *values, tail))))
    return out


def _entry(number: int, data: bytes) -> bytes:
    """A length-delimited field of a protocol-buffer message."""
    return bytes([number << 3 | 2]) + _packed(data)


def _id(number: object) -> bytes:
    """A feature's id, if its properties have one that a feature can bear."""
    return b"\x08" + _varint(number) if isinstance(number, int) and number >= 0 else b""


def _flatten(piece: Piece) -> tuple[int, np.ndarray, np.ndarray, bytes, np.ndarray] | None:
    """A layer's features: geometry type, tile and number of each, all geometries packed, and where each begins and ends."""
    parts, owner = shapely.get_parts(piece.shape, return_index=True)
    nested = shapely.get_type_id(parts) >= 4
    while nested.any():  # a clip may leave a collection of mixed parts
        inner, index = shapely.get_parts(parts[nested], return_index=True)
        parts, owner = np.r_[parts[~nested], inner], np.r_[owner[~nested], owner[nested][index]]
        nested = shapely.get_type_id(parts) >= 4
    dimension = shapely.get_dimensions(parts)
    if not len(parts):
        return None
    wanted = int(shapely.get_dimensions(piece.shape).max())
    keep = (dimension == wanted) & ~shapely.is_empty(parts)
    parts, owner = parts[keep], owner[keep]
    kind = (_POINT, _LINE, _POLYGON)[wanted]
    if kind == _POLYGON:
        # the specification wants a positive shoelace sum for outer rings; on paper, with y up, that is counter-clockwise
        cut = piece.is_cut[owner]
        parts[cut] = shapely.orient_polygons(parts[cut], exterior_cw=False)
    sequence = np.lexsort((np.arange(len(owner)), piece.feature[owner], piece.tile[owner]))
    parts, owner = parts[sequence], owner[sequence]
    if kind == _POLYGON:
        parts, polygon = shapely.get_rings(parts, return_index=True)
        owner, outer = owner[polygon], np.r_[True, np.diff(polygon) > 0]
    xy, part = shapely.get_coordinates(parts, return_index=True)
    grid = np.rint((xy * piece.side - piece.origin[owner][part]) * EXTENT).astype(np.int64)
    if kind == _POLYGON:
        grid, part = _opened(grid, part)
    if kind != _POINT:
        grid, part = _without_repeats(grid, part)
        count = np.bincount(part, minlength=len(parts))
        enough = count >= (3 if kind == _POLYGON else 2)
        if kind == _POLYGON:
            # a ring that shrank to nothing or turned over is dropped, and with an outer ring its holes: readers take the
            # sign of a feature's first ring for "outer"
            area2 = _area2(grid, part, count)
            enough &= np.where(outer, area2 > 0, area2 < 0)
            enough &= enough[outer][np.cumsum(outer) - 1]
        chosen = enough[part]
        grid, part = grid[chosen], (np.cumsum(enough) - 1)[part[chosen]]
        owner = owner[enough]
    if not len(owner):
        return None
    return (kind, *_stream(kind, grid, part, piece.tile[owner], piece.feature[owner]))


def _opened(grid: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rings without the closing repetition of their first point."""
    last = np.r_[part[1:] != part[:-1], True]
    return grid[~last], part[~last]


def _without_repeats(grid: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    again = np.r_[False, (grid[1:] == grid[:-1]).all(axis=1) & (part[1:] == part[:-1])]
    return grid[~again], part[~again]


def _area2(grid: np.ndarray, part: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Twice the signed area of each ring."""
    following = np.arange(1, len(part) + 1)
    last = np.r_[part[1:] != part[:-1], True] if len(part) else np.zeros(0, dtype=bool)
    first = np.cumsum(count) - count
    following[last] = first[part[last]]
    cross = grid[:, 0] * grid[following, 1] - grid[following, 0] * grid[:, 1]
    return np.bincount(part, cross, minlength=len(count))


def _stream(
    kind: int, grid: np.ndarray, part: np.ndarray, tile: np.ndarray, feature: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bytes, np.ndarray]:
    """Command integers of all parts, grouped into features (equal tile and feature number, parts adjacent), as varints."""
    parts = len(tile)
    count = np.bincount(part, minlength=parts)
    new = np.r_[True, (tile[1:] != tile[:-1]) | (feature[1:] != feature[:-1])]
    group = np.cumsum(new) - 1
    first_point = np.cumsum(count) - count
    delta = np.diff(grid, axis=0, prepend=np.zeros((1, 2), dtype=np.int64))
    starts = first_point[new]
    delta[starts] = grid[starts]
    zigzag = ((delta << 1) ^ (delta >> 63)).astype(np.uint64)
    if kind == _POINT:
        size = np.bincount(group, 2 * count).astype(np.int64) + 1
        begin = np.cumsum(size) - size
        stream = np.zeros(int(size.sum()), dtype=np.uint64)
        stream[begin] = (np.bincount(group, count).astype(np.uint64) << np.uint64(3)) | np.uint64(_MOVE)
        head = np.ones(len(stream), dtype=bool)
        head[begin] = False
        stream[head] = zigzag.ravel()
    else:
        closing = 1 if kind == _POLYGON else 0
        length = 2 * count + 2 + closing
        at = np.cumsum(length) - length
        stream = np.zeros(int(length.sum()), dtype=np.uint64)
        taken = np.zeros(len(stream), dtype=bool)
        stream[at] = (1 << 3) | _MOVE
        stream[at + 3] = ((count - 1).astype(np.uint64) << np.uint64(3)) | np.uint64(_DRAW)
        taken[at] = taken[at + 3] = True
        if closing:
            stream[at + length - 1] = (1 << 3) | _CLOSE
            taken[at + length - 1] = True
        stream[~taken] = zigzag.ravel()
        size = np.bincount(group, length).astype(np.int64)
        begin = np.cumsum(size) - size
    payload, offset = _varints(stream)
    bounds = offset[np.r_[begin, len(stream)]]
    return tile[new], feature[new], payload, bounds


def _varints(numbers: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Protocol-buffer varints of an array, and the byte at which each begins (one more entry: the end)."""
    length = np.ones(len(numbers), dtype=np.int64)
    for bits in (7, 14, 21, 28, 35):
        length += numbers >= np.uint64(1 << bits)
    offset = np.r_[0, np.cumsum(length)]
    out = np.zeros(int(offset[-1]), dtype=np.uint8)
    rest = numbers.copy()
    for k in range(int(length.max(initial=0))):
        here = length > k
        more = (length[here] > k + 1).astype(np.uint8) << 7
        out[offset[:-1][here] + k] = (rest[here] & np.uint64(0x7F)).astype(np.uint8) | more
        rest = rest >> np.uint64(7)
    return out.tobytes(), offset


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _SHORT[number]
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _packed(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _value(value: object) -> bytes:
    match value:
        case bool():
            return b"\x38" + bytes([value])
        case int() if value >= 0:
            return b"\x28" + _varint(value)
        case int():
            return b"\x30" + _varint(-2 * value - 1)
        case float():
            return b"\x19" + np.float64(value).tobytes()
        case _:
            return b"\x0a" + _packed(str(value).encode())
