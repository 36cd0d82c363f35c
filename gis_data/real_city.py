"""A real city put together from files: what a city's TOML file may say, checked, read and brought to WGS-84.

[city]      name_zh, name_en, zone (IANA), code; data: the folder that paths start from, relative to the TOML file
[[layers]]  layer: districts, places, water, green or roads; file: GeoJSON, CSV or Parquet; crs; columns: which column
            or property is which (a value with {braces} is a pattern over columns); kind: of places; attributes: more
            columns of places to keep; skip_without_position: leave out rows that have none; group: one place per value
            of this column, at the median of its rows; names_zh, names_en: names by code, or by name in the other language;
            only, leave_out: rows with one of these values in a column; count: more attributes of places, each the number of
            rows of another file that name the place; skip_rows: lines before a CSV's header; source: who made it
[roads]     instead of a layer of roads, a graph: nodes, arcs (tables with file, skip_rows and columns), crs; travel_factor:
            from the file's unit to seconds; least_kmh: the least free speed of each road class, where the file has no classes
[[places]]  single places written in the file itself: id, kind, name_zh, name_en, lon, lat, crs
[area]      code, margin_m: where there are no districts, one area around all places (their convex hull and a margin);
            it says where the data is, not where an administration ends
"""

from __future__ import annotations

import csv
import io
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
from gis_data.city import ROAD_CLASSES
from gis_data.crs import METRES_PER_DEGREE
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
_LAYER_KEYS = {
    "layer", "file", "crs", "columns", "kind", "attributes", "count", "group", "names_zh", "names_en", "only", "leave_out",
    "skip_rows", "skip_without_position", "source",
}  # fmt: skip
_ROADS_KEYS = {"nodes", "arcs", "crs", "travel_factor", "least_kmh", "source"}
_GRAPH_COLUMNS = {"nodes": ("id", "lon", "lat"), "arcs": ("from", "to", "travel")}
EARTH_RADIUS_M = 6_371_008.8
"""The mean radius of the IUGG; distances on this sphere are true to 0.6 %."""


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
    if "roads" in settings:
        if "roads" in found:
            raise ValueError(f"{config}: [roads] beside a roads layer: remove one; a city has its roads from one source")
        found["roads"] = _roads(config, settings["roads"], root)
        sources += [settings["roads"]["source"]] if "source" in settings["roads"] else []
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
    unknown = sorted(set(settings) - {"city", "layers", "roads", "places", "area"})
    if unknown:
        raise ValueError(f"{config}: {unknown[0]} is not known here: expected [city], [[layers]], [roads], [[places]] or [area]")
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
    table, shapes = _table(where, file, columns, entry)
    for key, counted in dict(entry.get("count", {})).items():
        table[f"count of {key}"] = _counted(f"{where}.count.{key}", root, counted, file, table)
    shapes = _wgs84(where, file, shapes, crs, dimension)
    rows = [_row(where, file, name, entry, columns, record) for record in table.to_dict("records")]
    return Layer(name, shapes, rows)


def _table(where: str, file: Path, columns: Mapping[str, str], entry: Mapping[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """The file's rows and a geometry for each, still in the file's own coordinates."""
    group = entry.get("group")
    if not file.exists():
        raise ValueError(f"{where}.file: {file} does not exist: expected a GeoJSON, CSV or Parquet file there; is --data right?")
    ending = file.suffix.lower()
    if ending in (".geojson", ".json"):
        layer = layer_files.read(file)
        table = pd.DataFrame.from_records([dict(row) for row in layer.properties], index=range(len(layer.shapes)))
        _has_columns(where, file, table, columns)
        table = _chosen(where, file, table, entry)
        return table.reset_index(drop=True), layer.shapes[table.index]
    table = _chosen(where, file, _rows(where, file, entry.get("skip_rows", 0)), entry).reset_index(drop=True)
    for key in ("lon", "lat"):
        if key not in columns:
            raise ValueError(
                f"{where}.columns.{key} is missing: a {ending} file needs the columns that hold longitude and latitude"
            )
    _has_columns(where, file, table, columns)
    if entry.get("skip_without_position"):
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


def _rows(where: str, file: Path, skip_rows: int) -> pd.DataFrame:
    """The rows of a CSV or Parquet file; rows with nothing in them are none."""
    if not file.exists():
        raise ValueError(f"{where}.file: {file} does not exist: expected a CSV or Parquet file there; is --data right?")
    try:
        table = _csv(file, skip_rows) if file.suffix.lower() == ".csv" else pd.read_parquet(file)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{where}.file: {file} cannot be read ({error}): expected CSV with a header, Parquet or GeoJSON by its ending"
        ) from None
    return table.dropna(how="all").reset_index(drop=True)


def _csv(file: Path, skip_rows: int) -> pd.DataFrame:
    """A CSV file whose lines may have empty cells beyond the header's. Raises ValueError where those hold something."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        lines = list(csv.reader(text))[skip_rows:]
    width = len(lines[0]) if lines else 0
    for cells in lines:
        if any(cells[width:]):
            raise ValueError(f"a line has {len(cells)} cells where the header has {width}: {','.join(cells)[:80]}")
    even = io.StringIO()
    csv.writer(even).writerows(cells[:width] for cells in lines)
    return pd.read_csv(io.StringIO(even.getvalue()))


def _chosen(where: str, file: Path, table: pd.DataFrame, entry: Mapping[str, Any]) -> pd.DataFrame:
    """The rows that the entry's `only` and `leave_out` let through."""
    for key, is_wanted in (("only", True), ("leave_out", False)):
        for column, values in dict(entry.get(key, {})).items():
            _has_columns(where, file, table, {f"{key}.{column}": column})
            wanted = values if isinstance(values, list) else [values]
            strangers = [value for value in wanted if value not in set(table[column])]
            if strangers:
                raise ValueError(
                    f"{where}.{key}.{column} names {strangers[0]!r}: {file} has no row with it; expected values of that column"
                )
            table = table[table[column].isin(wanted) == is_wanted]
    return table


def _counted(where: str, root: Path, counted: Mapping[str, Any], file: Path, table: pd.DataFrame) -> pd.Series[Any]:
    """How many rows of another file have in `column` what each row here has in `of`."""
    for key in ("file", "column", "of"):
        if not isinstance(counted.get(key), str):
            raise ValueError(
                f"{where}.{key} is {counted.get(key)!r}: expected file, its column, and of: the column of {file} that it names"
            )
    other = root / counted["file"]
    rows = _rows(where, other, counted.get("skip_rows", 0))
    _has_columns(where, other, rows, {"column": counted["column"]})
    _has_columns(where, file, table, {"of": counted["of"]})
    return table[counted["of"]].map(rows[counted["column"]].value_counts()).fillna(0)


def _roads(config: Path, entry: Mapping[str, Any], root: Path) -> Layer:
    """A graph's arcs as roads, one line for both ways: `travel_s` along the line, `back_s` against it (None: one way)."""
    where = f"{config}: roads"
    unknown = sorted(set(entry) - _ROADS_KEYS)
    if unknown:
        raise ValueError(f"{where}.{unknown[0]} is not known: expected {', '.join(sorted(_ROADS_KEYS))}")
    if "crs" not in entry:
        raise ValueError(f"{where}.crs is missing: roads say their coordinate system; expected one of {', '.join(systems.Crs)}")
    crs = systems.Crs.of(entry["crs"], f"{where}.crs")
    least_kmh = dict(entry.get("least_kmh", {}))
    strange = sorted(set(least_kmh) - set(ROAD_CLASSES))
    if strange:
        raise ValueError(f"{where}.least_kmh.{strange[0]} is not a road class: expected {', '.join(ROAD_CLASSES)}")
    travel_factor = entry.get("travel_factor", 1)
    for key, number in (("travel_factor", travel_factor), *((f"least_kmh.{name}", kmh) for name, kmh in least_kmh.items())):
        if not isinstance(number, int | float):
            raise ValueError(f"{where}.{key} is {number!r}: expected a number, such as 60")
    nodes, arcs = (_graph_table(where, entry, name, root) for name in ("nodes", "arcs"))
    lon, lat = systems.to_wgs84(nodes["lon"].to_numpy(), nodes["lat"].to_numpy(), crs, f"{where}.nodes")
    travel_s = arcs["travel"].to_numpy() * travel_factor
    if not (travel_s > 0).all():
        row = int(np.argmin(travel_s > 0))
        raise ValueError(f"{where}.arcs: row {row + 1} takes {travel_s[row]:g} s: expected more than 0")
    twins = nodes["id"][nodes["id"].duplicated()]
    if len(twins):
        raise ValueError(f"{where}.nodes: the id {twins.iloc[0]:g} is there twice: expected every id once; check columns.id")
    node_at = pd.Series(range(len(nodes)), index=nodes["id"])
    ends = np.column_stack([arcs[way].map(node_at).to_numpy(float) for way in ("from", "to")])
    if np.isnan(ends).any():
        row, way = (int(k) for k in np.argwhere(np.isnan(ends))[0])
        raise ValueError(
            f"{where}.arcs: row {row + 1} goes {('from', 'to')[way]} {arcs.iloc[row, way]:g}, which is no id in "
            f"{entry['nodes']['file']}: expected the two files to belong together"
        )
    first, second = ends.astype(int).T
    return _both_ways(np.column_stack([lon, lat]), first, second, travel_s, least_kmh)


def _both_ways(
    node_at: np.ndarray, first: np.ndarray, second: np.ndarray, travel_s: np.ndarray, least_kmh: Mapping[str, float]
) -> Layer:
    """Arcs between nodes (n × 2, degrees) as one line for both ways, along the first way there is."""
    arcs = pd.DataFrame(
        {"low": np.minimum(first, second), "high": np.maximum(first, second), "is_up": first < second, "s": travel_s}
    )
    quickest = arcs[first != second].groupby(["low", "high", "is_up"])["s"].min().unstack().reindex(columns=[True, False])
    up_s, down_s = quickest.to_numpy().T
    low, high = (quickest.index.get_level_values(name).to_numpy() for name in ("low", "high"))
    is_down_only = np.isnan(up_s)
    from_, to = np.where(is_down_only, high, low), np.where(is_down_only, low, high)
    there_s, back_s = np.where(is_down_only, down_s, up_s), np.where(is_down_only, np.nan, down_s)
    kmh = great_circle_m(node_at[from_], node_at[to]) / np.fmin(there_s, back_s) * 3.6
    classes = np.full(len(kmh), ROAD_CLASSES[-1], dtype=object)
    for name, least in sorted(least_kmh.items(), key=lambda pair: pair[1]):
        classes[kmh >= least] = name
    rows = [
        {"class": name, "travel_s": round(there, 3), "back_s": None if np.isnan(back) else round(back, 3)}
        for name, there, back in zip(classes.tolist(), there_s.tolist(), back_s.tolist(), strict=True)
    ]
    return Layer("roads", shapely.linestrings(np.stack([node_at[from_], node_at[to]], axis=1)), rows)


def _graph_table(where: str, entry: Mapping[str, Any], name: str, root: Path) -> pd.DataFrame:
    """Nodes (id, lon, lat) or arcs (from, to, travel), all numbers."""
    table = entry.get(name)
    needed = _GRAPH_COLUMNS[name]
    if not isinstance(table, dict) or not isinstance(table.get("file"), str) or set(table.get("columns", {})) != set(needed):
        raise ValueError(f"{where}.{name} is {table!r}: expected a table with file and columns for {', '.join(needed)}")
    file = root / table["file"]
    rows = _rows(f"{where}.{name}", file, table.get("skip_rows", 0))
    _has_columns(f"{where}.{name}", file, rows, table["columns"])
    numbers = pd.DataFrame({key: pd.to_numeric(rows[table["columns"][key]], errors="coerce") for key in needed})
    bad = numbers.isna().any(axis=1)
    if bad.any():
        raise ValueError(
            f"{where}.{name}: {file}, row {int(bad.argmax()) + 1} after the header, lacks a number: "
            f"expected one in each column of {', '.join(needed)}"
        )
    return numbers


def great_circle_m(from_lonlat: np.ndarray, to_lonlat: np.ndarray) -> np.ndarray:
    """Metres between points given in degrees (n × 2), by the haversine formula."""
    (lon_a, lat_a), (lon_b, lat_b) = np.radians(from_lonlat).T, np.radians(to_lonlat).T
    chord = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(chord)))


def road_tables(roads: Layer | None) -> dict[str, str]:
    """The road graph of a roads layer whose rows say travel times: the text of nodes.csv and arcs.csv; none where they do not.

    Roads meet where their lines end in the same point.
    """
    rows = [] if roads is None else [(k, row) for k, row in enumerate(roads.properties) if row.get("travel_s") is not None]
    if roads is None or not rows:
        return {}
    lines = roads.shapes[[k for k, _ in rows]]
    starts, ends = (shapely.get_coordinates(shapely.get_point(lines, at)) for at in (0, -1))
    points, node = np.unique(np.concatenate([starts, ends]), axis=0, return_inverse=True)
    first, second = np.split(node.ravel(), 2)
    metres = [float(great_circle_m(xy[:-1], xy[1:]).sum()) for xy in map(shapely.get_coordinates, lines)]
    arcs = ["from,to,travel_s,length_m,class,road"]
    for (k, row), a, b, m in zip(rows, first.tolist(), second.tolist(), metres, strict=True):
        for u, v, seconds in ((a, b, row["travel_s"]), (b, a, row.get("back_s"))):
            if seconds is not None:
                arcs.append(f"{u},{v},{max(seconds, 0.001):.3f},{max(m, 0.01):.2f},{row['class']},{k}")
    nodes = ["node,lat,lon", *(f"{k},{lat:.6f},{lon:.6f}" for k, (lon, lat) in enumerate(points.tolist()))]
    return {"nodes.csv": "\n".join(nodes) + "\n", "arcs.csv": "\n".join(arcs) + "\n"}


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
    english, chinese = entry.get("names_en", {}), entry.get("names_zh", {})
    original = row.get("name_zh", "")
    row["name_en"] = english.get(row.get("code"), english.get(original, row.get("name_en"))) or original
    if chinese:
        row["name_zh"] = chinese.get(row.get("code"), chinese.get(row["name_en"], original))
    if name == "places":
        row["kind"] = entry["kind"]
        attributes = dict(entry.get("attributes", {}))
        for key, column in attributes.items():
            if column not in record:
                raise ValueError(
                    f"{where}.attributes.{key} is {column!r}: {file} has no such column; it has {', '.join(map(str, record))}"
                )
        attributes |= {key: f"count of {key}" for key in entry.get("count", {})}
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
    hull = flat.convex_hull.buffer(margin_m / METRES_PER_DEGREE, quad_segs=12)
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
