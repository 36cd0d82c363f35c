"""Layers of a city on disk: features with a geometry in WGS-84 and plain properties, one GeoJSON file per layer.

Written compactly with coordinates rounded to a millionth of a degree (about 0.1 m), so that the same features give the
same bytes. A city directory appears whole or not at all (`whole_directory`).
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely

DECIMALS = 6


@dataclass(frozen=True)
class Layer:
    """Features of one kind: `shapes` (array of geometries, WGS-84 degrees) and as many `properties`."""

    name: str
    shapes: np.ndarray
    properties: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        if len(self.shapes) != len(self.properties):
            raise ValueError(f"layer {self.name}: {len(self.shapes)} geometries for {len(self.properties)} property sets")

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        west, south, east, north = shapely.total_bounds(self.shapes)
        return float(west), float(south), float(east), float(north)


def write(layer: Layer, path: Path) -> None:
    """The layer as GeoJSON (RFC 7946)."""
    head = b'{"type":"FeatureCollection","name":' + orjson.dumps(layer.name) + b',"features":[\n'
    rows = [
        b'{"type":"Feature","properties":' + orjson.dumps(dict(row)) + b',"geometry":' + orjson.dumps(_geometry(shape)) + b"}"
        for shape, row in zip(layer.shapes, layer.properties, strict=True)
    ]
    path.write_bytes(head + b",\n".join(rows) + b"\n]}\n")


def _geometry(shape: Any) -> dict[str, Any]:
    def rounded(part: Any) -> list[list[float]]:
        return [[round(x, DECIMALS), round(y, DECIMALS)] for x, y in shapely.get_coordinates(part).tolist()]

    def one(part: Any) -> Any:
        match part.geom_type:
            case "Point":
                return rounded(part)[0]
            case "LineString":
                return rounded(part)
            case _:
                return [rounded(part.exterior), *(rounded(hole) for hole in part.interiors)]

    if shape.geom_type.startswith("Multi"):
        return {"type": shape.geom_type, "coordinates": [one(part) for part in shape.geoms]}
    return {"type": shape.geom_type, "coordinates": one(shape)}


def read(path: Path) -> Layer:
    """A GeoJSON file as a layer, in whatever coordinates it holds. Raises ValueError naming the file and what is wrong."""
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file: expected a GeoJSON FeatureCollection there") from None
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON ({error}): expected a GeoJSON FeatureCollection") from None
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        kind = document.get("type") if isinstance(document, dict) else type(document).__name__
        raise ValueError(f"{path}: type is {kind!r}: expected a GeoJSON FeatureCollection with a list of features")
    shapes = np.empty(len(features), dtype=object)
    for k, feature in enumerate(features):
        try:
            shapes[k] = shapely.from_geojson(orjson.dumps(feature["geometry"]))
        except (KeyError, TypeError, shapely.GEOSException) as error:
            raise ValueError(
                f"{path}: feature {k} has no readable geometry ({error}): expected a GeoJSON geometry object"
            ) from None
    return Layer(path.stem, shapes, [feature.get("properties") or {} for feature in features])


@contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """A directory to write into that takes the place of `target` only when everything is there.

    An older `target` is moved aside and then removed; after an error it is as it was.
    """
    target = target.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = secrets.token_hex(4)
    fresh, old = (target.with_name(f".{target.name}.{what}-{mark}") for what in ("new", "old"))
    fresh.mkdir()
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
