"""A real city put together from files: what a city's TOML file may say, checked, read and brought to WGS-84.

[city]      name_zh, name_en, zone (IANA), code; data: the folder that paths start from, relative to the TOML file
[[layers]]  layer: districts, places, water, green or roads; file: GeoJSON, CSV or Parquet; crs; columns: which column
            or property is which (a value with {braces} is a pattern over columns); kind: of places; attributes: more
            columns of places to keep; skip_without_position: leave out rows that have none; group: one place per value
            of this column, at the median of its rows; names_en: English names by Chinese name or code; source: who made it
[[places]]  single places written in the file itself: id, kind, name_zh, name_en, lon, lat, crs
[area]      code, margin_m: where there are no districts, one area around all places (their convex hull and a margin);
            it says where the data is, not where an administration ends
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import shapely

from gis_data import crs as systems
from gis_data import layers as layer_files
from gis_data.layers import Layer

#: What each layer is made of: dimension of its geometries, columns it must name, columns it may name.
LAYERS: Mapping[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "districts": (2, ("code", "name_zh"), ("name_en", "population")),
    "places": (0, ("id", "name_zh"), ("name_en", "lon", "lat")),
    "water": (2, (), ("kind", "name_zh", "name_en")),
    "green": (2, (), ("kind", "name_zh", "name_en")),
    "roads": (1, (), ("class", "name_zh", "name_en")),
}
_DEFAULTS = {"water": {"kind": "lake"}, "green": {"kind": "park"}, "roads": {"class": "secondary"}}
_LAYER_KEYS = {"layer", "file", "crs", "columns", "kind", "attributes", "group", "names_en", "source", "skip_without_position"}


def gather(config: Path, data_dir: Path | None = None) -> tuple[dict[str, Any], dict[str, Layer]]:
    """What `city.json` says of the city, and its layers in WGS-84. Raises ValueError with one sentence."""
    settings = _settings(config)
    city = _city(config, settings)
    root = data_dir if data_dir is not None else (config.parent / city.pop("data", ".")).resolve()
    city.pop("data", None)
    if not root.is_dir():
        raise ValueError(
            f"{config}: city.data leads to {root}, which is no folder: expected the city's files there; "
            "name their folder with --data"
        )
    found: dict[str, Layer] = {}
    sources = []
    for number, entry in enumerate(settings.get("layers", []), 1):
        layer = _layer(config, number, entry, root)
        if layer.name in found:
            before = found[layer.name]
            layer = Layer(layer.name, np.r_[before.shapes, layer.shapes], [*before.properties, *layer.properties])
        found[layer.name] = layer
        sources += [entry["source"]] if "source" in entry else []
    if inline := settings.get("places"):
        layer = _inline(config, inline)
        earlier = found.get("places")
        found["places"] = (
            layer
            if earlier is None
            else Layer("places", np.r_[earlier.shapes, layer.shapes], [*earlier.properties, *layer.properties])
        )
    if not found:
        raise ValueError(f'{config}: no layer: expected at least one [[layers]] or [[places]], such as layer = "districts"')
    if "area" in settings:
        found["districts"] = _area(config, settings["area"], city, found)
    _distinct(config, found, "districts", "code")
    _distinct(config, found, "places", "id")
    if "places" in found:
        found["places"] = _assigned(found["places"], found.get("districts"))
    return {**city, "generator": {"name": "real", "config": config.name}, "sources": sources}, found


def _settings(config: Path) -> dict[str, Any]:
    try:
        settings = tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{config}: no such file: expected a city's TOML file such as config/cities/dresden.toml") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{config}: not TOML: {error}") from None
    unknown = sorted(set(settings) - {"city", "layers", "places", "area"})
    if unknown:
        raise ValueError(f"{config}: {unknown[0]} is not known here: expected [city], [[layers]], [[places]] or [area]")
    return settings


def _city(config: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    city = dict(settings.get("city", {}))
    for key, example in (("name_zh", "郑州市"), ("name_en", "Zhengzhou"), ("zone", "Asia/Shanghai")):
        if not isinstance(city.get(key), str) or not city[key]:
            raise ValueError(f"{config}: city.{key} is {city.get(key)!r}: expected a text, such as {example!r}")
    try:
        ZoneInfo(city["zone"])
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{config}: city.zone is {city['zone']!r}: expected an IANA time zone such as 'Asia/Shanghai'") from None
    unknown = sorted(set(city) - {"name_zh", "name_en", "zone", "code", "data"})
    if unknown:
        raise ValueError(f"{config}: city.{unknown[0]} is not known: expected name_zh, name_en, zone, code or data")
    return city


def _layer(config: Path, number: int, entry: Mapping[str, Any], root: Path) -> Layer:
    where = f"{config}: layers[{number}]"
    name = str(entry.get("layer"))
    if name not in LAYERS:
        raise ValueError(f"{where}.layer is {name!r}: expected one of {', '.join(LAYERS)}")
    where = f"{config}: layers[{number}] ({name})"
    unknown = sorted(set(entry) - _LAYER_KEYS)
    if unknown:
        raise ValueError(f"{where}: {unknown[0]} is not known: expected {', '.join(sorted(_LAYER_KEYS))}")
    if not isinstance(entry.get("file"), str):
        raise ValueError(f"{where}.file is {entry.get('file')!r}: expected a path below {root}")
    if "crs" not in entry:
        raise ValueError(
            f"{where}.crs is missing: every layer says its coordinate system; expected one of {', '.join(systems.Crs)}"
        )
    crs = systems.Crs.of(entry["crs"], f"{where}.crs")
    file = root / entry["file"]
    dimension, needed, optional = LAYERS[name]
    columns = dict(entry.get("columns", {}))
    if "name" in columns:
        columns.setdefault("name_zh", columns["name"])
        columns.setdefault("name_en", columns.pop("name"))
    wrong = sorted(set(columns) - {*needed, *optional})
    if wrong:
        raise ValueError(f"{where}.columns.{wrong[0]} is not known: expected {', '.join((*needed, *optional))}")
    missing = [key for key in needed if key not in columns]
    if missing:
        raise ValueError(f"{where}.columns.{missing[0]} is missing: expected the name of a column or property of {entry['file']}")
    if name == "places" and not isinstance(entry.get("kind"), str):
        raise ValueError(f'{where}.kind is {entry.get("kind")!r}: expected what these places are, such as "parking"')
    table, shapes = _table(where, file, columns, entry.get("group"), bool(entry.get("skip_without_position")))
    shapes = _wgs84(where, file, shapes, crs, dimension)
    rows = [_row(where, file, name, entry, columns, record) for record in table.to_dict("records")]
    return Layer(name, shapes, rows)


def _table(where: str, file: Path, columns: Mapping[str, str], group: str | None, skip: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """The file's rows and a geometry for each, still in the file's own coordinates."""
    if not file.exists():
        raise ValueError(f"{where}.file: {file} does not exist: expected a GeoJSON, CSV or Parquet file there; is --data right?")
    ending = file.suffix.lower()
    if ending in (".geojson", ".json"):
        layer = layer_files.read(file)
        table = pd.DataFrame.from_records([dict(row) for row in layer.properties], index=range(len(layer.shapes)))
        _has_columns(where, file, table, columns)
        return table, layer.shapes
    try:
        table = pd.read_csv(file) if ending == ".csv" else pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{where}.file: {file} cannot be read ({error}): expected CSV with a header, Parquet or GeoJSON by its ending"
        ) from None
    for key in ("lon", "lat"):
        if key not in columns:
            raise ValueError(
                f"{where}.columns.{key} is missing: a {ending} file needs the columns that hold longitude and latitude"
            )
    _has_columns(where, file, table, columns)
    if skip:
        table = table.dropna(subset=[columns["lon"], columns["lat"]]).reset_index(drop=True)
    for key in ("lon", "lat"):
        numbers = pd.to_numeric(table[columns[key]], errors="coerce")
        bad = table.index[numbers.isna()]
        if len(bad):
            value = table[columns[key]][bad[0]]
            held = "nothing" if pd.isna(value) else repr(str(value))
            raise ValueError(
                f"{where}.columns.{key}: {file}, row {int(bad[0]) + 1} after the header, holds {held}: expected a number of "
                "degrees; skip_without_position = true leaves out rows without one"
            )
        table[columns[key]] = numbers
    if group is not None:
        if group not in table:
            raise ValueError(
                f"{where}.group is {group!r}: {file} has no such column; it has {', '.join(map(str, table.columns))}"
            )
        grouped = table.dropna(subset=[group]).groupby(group, sort=True)
        table = grouped[[columns["lon"], columns["lat"]]].median().reset_index()
        table["rows"] = grouped.size().to_numpy()
    return table, shapely.points(table[columns["lon"]].to_numpy(float), table[columns["lat"]].to_numpy(float))


def _has_columns(where: str, file: Path, table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    for key, column in columns.items():
        if "{" not in column and column not in table:
            raise ValueError(
                f"{where}.columns.{key} is {column!r}: {file} has no such column; it has {', '.join(map(str, table.columns))}"
            )


def _wgs84(where: str, file: Path, shapes: np.ndarray, crs: systems.Crs, dimension: int) -> np.ndarray:
    for k, shape in enumerate(shapes):
        if shape is None or shapely.is_empty(shape) or shapely.get_dimensions(shape) != dimension:
            expected = ("points", "lines", "polygons")[dimension]
            kind = "nothing" if shape is None else shape.geom_type
            raise ValueError(f"{where}.file: feature {k} of {file} is {kind}: expected {expected}")

    def convert(lonlat: np.ndarray) -> np.ndarray:
        return np.column_stack(systems.to_wgs84(lonlat[:, 0], lonlat[:, 1], crs, f"{where} in {file}"))

    moved = shapely.transform(shapes, convert)
    return np.asarray(shapely.make_valid(moved, method="structure", keep_collapsed=False) if dimension == 2 else moved)


def _row(
    where: str, file: Path, name: str, entry: Mapping[str, Any], columns: Mapping[str, str], record: Mapping[str, Any]
) -> dict[str, Any]:
    row: dict[str, Any] = dict(_DEFAULTS.get(name, {}))
    for key, column in columns.items():
        if key in ("lon", "lat"):
            continue
        value = _plain(record[column]) if "{" not in column else _filled(where, file, column, record)
        row[key] = value if key == "population" and value is not None else "" if value is None else str(value)
    english = entry.get("names_en", {})
    row["name_en"] = english.get(row.get("code"), english.get(row.get("name_zh"), row.get("name_en"))) or row.get("name_zh", "")
    if name == "places":
        row["kind"] = entry["kind"]
        attributes = dict(entry.get("attributes", {}))
        for key, column in attributes.items():
            if column not in record:
                raise ValueError(
                    f"{where}.attributes.{key} is {column!r}: {file} has no such column; it has {', '.join(map(str, record))}"
                )
        row["attributes"] = {key: _plain(record[column]) for key, column in attributes.items()}
    return row


def _plain(value: Any) -> Any:
    """A value as JSON keeps it: whole numbers without a point, missing ones as None."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _filled(where: str, file: Path, pattern: str, record: Mapping[str, Any]) -> str:
    try:
        return pattern.format_map({str(key): _plain(value) for key, value in record.items()})
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(
            f"{where}.columns: the pattern {pattern!r} needs {error} of {file}; it has {', '.join(map(str, record))}"
        ) from None


def _inline(config: Path, entries: Sequence[Mapping[str, Any]]) -> Layer:
    shapes, rows = [], []
    for number, entry in enumerate(entries, 1):
        where = f"{config}: places[{number}]"
        for key in ("id", "kind", "name_zh", "name_en", "lon", "lat", "crs"):
            if key not in entry:
                raise ValueError(f"{where}.{key} is missing: a single place needs id, kind, name_zh, name_en, lon, lat and crs")
        lon, lat = systems.to_wgs84(entry["lon"], entry["lat"], systems.Crs.of(entry["crs"], f"{where}.crs"), where)
        shapes.append(shapely.Point(float(lon), float(lat)))
        rows.append(
            {key: str(entry[key]) for key in ("id", "kind", "name_zh", "name_en")}
            | {"attributes": dict(entry.get("attributes", {}))}
        )
    return Layer("places", np.array(shapes, dtype=object), rows)


def _area(config: Path, area: Mapping[str, Any], city: Mapping[str, Any], found: Mapping[str, Layer]) -> Layer:
    """One district around all places: their convex hull with a margin in metres."""
    if "districts" in found:
        raise ValueError(f"{config}: [area] beside a districts layer: remove one; an area stands in where districts are unknown")
    code, margin_m = area.get("code"), area.get("margin_m")
    if not isinstance(code, str) or not code:
        raise ValueError(f"{config}: area.code is {code!r}: expected a short text without spaces, such as 'dresden'")
    if not isinstance(margin_m, int | float) or margin_m <= 0:
        raise ValueError(f"{config}: area.margin_m is {margin_m!r}: expected metres above 0, such as 2000")
    points = shapely.get_coordinates(found["places"].shapes)
    stretch = np.cos(np.radians(points[:, 1].mean()))  # a degree of longitude in degrees of latitude, so that the margin is even
    flat = shapely.MultiPoint(points * [stretch, 1.0])
    hull = flat.convex_hull.buffer(margin_m / 111_200.0, quad_segs=12)
    shape = shapely.transform(hull, lambda xy: xy / [stretch, 1.0])
    names = {"name_zh": city["name_zh"], "name_en": city["name_en"]}
    return Layer("districts", np.array([shape], dtype=object), [{"code": code, **names, "population": None}])


def _distinct(config: Path, found: Mapping[str, Layer], name: str, key: str) -> None:
    if name in found:
        seen: set[str] = set()
        for k, row in enumerate(found[name].properties):
            if not row[key]:
                raise ValueError(f"{config}: {name} feature {k} has an empty {key}: expected one of its own; check columns.{key}")
            if row[key] in seen:
                raise ValueError(f"{config}: {name} has {key} {row[key]!r} twice: expected every {key} once; check columns.{key}")
            seen.add(row[key])


def _assigned(places: Layer, districts: Layer | None) -> Layer:
    """Places with the code of the district they lie in, none outside."""
    codes: list[str | None] = [None] * len(places.shapes)
    if districts is not None:
        place, district = shapely.STRtree(districts.shapes).query(places.shapes, predicate="intersects")
        for p, d in sorted(zip(place.tolist(), district.tolist(), strict=True), reverse=True):
            codes[p] = districts.properties[d]["code"]
    return Layer("places", places.shapes, [{**row, "district": code} for row, code in zip(places.properties, codes, strict=True)])
