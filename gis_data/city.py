"""A city on the map: districts, places, roads and where its tiles are; how a city directory is read and made.

A city directory holds `city.json` (names, zone, bounds, what else is there), one GeoJSON file per layer, `nodes.csv` and
`arcs.csv` when there is a road graph, `stock.csv` when it is known what the warehouses hold, and `basemap.pmtiles`. All
positions are WGS-84 degrees, longitude first. The demonstration city is grown from a seed (`build_demo_city`); a real one is
put together by `gis_data.real_city`.
"""

from __future__ import annotations

import csv
import fcntl
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from gis_data import layers as layer_files
from gis_data import tiles
from gis_data.layers import Layer

if TYPE_CHECKING:
    from gis_data.demo_city import GrownCity

FORMAT = 1
#: The columns of stock.csv; `renewed_day` counts from 1970-01-01.
STOCK_COLUMNS = ("warehouse", "item", "item_zh", "item_en", "unit_zh", "unit_en", "quantity", "shelf_life_days", "renewed_day")
_EPOCH = date(1970, 1, 1)
#: Road classes by the number that `arc_class` holds, widest first.
ROAD_CLASSES = ("expressway", "arterial", "secondary", "local")


@dataclass(frozen=True)
class District:
    """A district: division code, names, area, residents where known, and the point where its name is written (lon, lat)."""

    code: str
    name_zh: str
    name_en: str
    polygon: shapely.Geometry = field(repr=False)
    population: int | None
    centroid: tuple[float, float]

    def name(self, lang: str) -> str:
        """The name in `lang`, zh or en."""
        return self.name_zh if lang == "zh" else self.name_en


@dataclass(frozen=True)
class Place:
    """A fixed place: a hall, a station, a hospital, a car park, a sensor's post. `kind` is a word such as service_hall."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    lon: float
    lat: float
    district_code: str | None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def name(self, lang: str) -> str:
        """The name in `lang`, zh or en."""
        return self.name_zh if lang == "zh" else self.name_en


@dataclass(frozen=True)
class StockItem:
    """What one warehouse (a place's id) holds of one article: names, unit, quantity, and for what perishes how many days it
    keeps and a day on which it was bought new."""

    warehouse_id: str
    key: str
    name_zh: str
    name_en: str
    unit_zh: str
    unit_en: str
    quantity: int
    shelf_life_days: int | None
    renewed_on: date | None

    def name(self, lang: str) -> str:
        """The name in `lang`, zh or en."""
        return self.name_zh if lang == "zh" else self.name_en

    def unit(self, lang: str) -> str:
        """The word for the unit in `lang`, zh or en."""
        return self.unit_zh if lang == "zh" else self.unit_en

    def expires_on(self, today: date) -> date | None:
        """The last day on which what lies there today may be used; None for what does not perish.

        A lot is replaced on the day after its last.
        """
        if self.shelf_life_days is None or self.renewed_on is None:
            return None
        gone = (today - self.renewed_on).days % self.shelf_life_days
        return today + timedelta(days=self.shelf_life_days - gone - 1)


@dataclass(frozen=True, eq=False)
class RoadGraph:
    """A directed road graph as arrays: positions of n nodes; for m arcs the end nodes (indices), free travel time in
    seconds, class (index into ROAD_CLASSES), length in metres, the row of the roads layer whose line it follows, and whether
    it is a bridge. An underpass names its row in its attribute `road` (`arcs_of`)."""

    node_lon: NDArray[np.float64]
    node_lat: NDArray[np.float64]
    arc_from: NDArray[np.int32]
    arc_to: NDArray[np.int32]
    arc_travel_s: NDArray[np.float64]
    arc_class: NDArray[np.int8]
    arc_length_m: NDArray[np.float64]
    arc_road: NDArray[np.int32]
    arc_bridge: NDArray[np.bool_]

    @cached_property
    def arc_speed_kmh(self) -> NDArray[np.float64]:
        """Free speed of every arc, true to the tenth of a second to which its travel time is known."""
        return np.asarray(self.arc_length_m / self.arc_travel_s * 3.6)

    def arcs_of(self, road: int) -> NDArray[np.intp]:
        """The arcs, usually one each way, that follow a row of the roads layer."""
        return np.flatnonzero(self.arc_road == road)


@dataclass(frozen=True, eq=False)
class City:
    """Everything a screen or a service asks of the map. `bounds` is west, south, east, north of the districts."""

    path: Path
    name_zh: str
    name_en: str
    zone: str
    bounds: tuple[float, float, float, float]
    centre: tuple[float, float]
    population: int | None
    districts: tuple[District, ...] = field(repr=False)
    places: tuple[Place, ...] = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)

    def name(self, lang: str) -> str:
        """The name in `lang`, zh or en."""
        return self.name_zh if lang == "zh" else self.name_en

    def district_of(self, lon: float, lat: float) -> District | None:
        """The district that contains a point, None outside all of them."""
        found = self._tree.query(shapely.Point(lon, lat), predicate="intersects") if self.districts else ()
        return self.districts[int(min(found))] if len(found) else None

    def find_district(self, code: str) -> District | None:
        """The district with a division code, if the city has it."""
        return next((d for d in self.districts if d.code == code), None)

    def places_of(self, kind: str) -> tuple[Place, ...]:
        """All places of a kind, in the order of their ids."""
        return tuple(place for place in self.places if place.kind == kind)

    def roads(self) -> RoadGraph | None:
        """The road graph, read at the first call; None for a city without one."""
        return self._roads

    def stock(self) -> tuple[StockItem, ...]:
        """What the warehouses hold, read at the first call; nothing for a city that does not say."""
        return self._stock

    def layer(self, name: str) -> Layer | None:
        """A layer's features, read anew at each call; None if the city lacks it."""
        file = self.path / f"{name}.geojson"
        return layer_files.read(file) if file.exists() else None

    @property
    def tiles_path(self) -> Path | None:
        """The basemap's PMTiles file, None if there is none."""
        file = self.path / tiles.FILE_NAME
        return file if file.exists() else None

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([d.polygon for d in self.districts])

    @cached_property
    def _roads(self) -> RoadGraph | None:
        if not (self.path / "arcs.csv").exists():
            return None
        import pandas as pd  # 70 MB that a process which only wants the map does not need

        nodes = pd.read_csv(self.path / "nodes.csv")
        arcs = pd.read_csv(self.path / "arcs.csv")
        return RoadGraph(
            nodes["lon"].to_numpy(float),
            nodes["lat"].to_numpy(float),
            arcs["from"].to_numpy(np.int32),
            arcs["to"].to_numpy(np.int32),
            arcs["travel_s"].to_numpy(float),
            arcs["class"].map({name: k for k, name in enumerate(ROAD_CLASSES)}).to_numpy(np.int8),
            arcs["length_m"].to_numpy(float),
            arcs["road"].to_numpy(np.int32),
            arcs["bridge"].to_numpy(bool) if "bridge" in arcs else np.zeros(len(arcs), dtype=bool),
        )

    @cached_property
    def _stock(self) -> tuple[StockItem, ...]:
        file = self.path / "stock.csv"
        if not file.exists():
            return ()
        with file.open(encoding="utf-8", newline="") as rows:
            return tuple(
                StockItem(
                    row["warehouse"],
                    row["item"],
                    row["item_zh"],
                    row["item_en"],
                    row["unit_zh"],
                    row["unit_en"],
                    int(row["quantity"]),
                    int(row["shelf_life_days"]) if row["shelf_life_days"] else None,
                    _EPOCH + timedelta(days=int(row["renewed_day"])) if row["renewed_day"] else None,
                )
                for row in csv.DictReader(rows)
            )


def load_city(path: Path | str) -> City:
    """The city in a directory. Raises ValueError naming the file and the cure when it is missing or of another format."""
    path = Path(path)
    about = _about(path)
    if about is None:
        raise ValueError(f"{path / 'city.json'}: no such file: build the city first, for example with `cityhelm city build`")
    if about.get("format") != FORMAT:
        raise ValueError(
            f"{path / 'city.json'}: format is {about.get('format')!r}: expected {FORMAT}; build the city again with this version"
        )
    districts = tuple(
        District(row["code"], row["name_zh"], row["name_en"], shape, row.get("population"), tuple(row["label_at"]))
        for shape, row in _rows(path, about, "districts")
    )
    places = tuple(
        Place(
            row["id"],
            row["kind"],
            row["name_zh"],
            row["name_en"],
            shape.x,
            shape.y,
            row.get("district"),
            row.get("attributes") or {},
        )
        for shape, row in _rows(path, about, "places")
    )
    west, south, east, north = about["bounds"]
    return City(
        path,
        about["name_zh"],
        about["name_en"],
        about["zone"],
        (west, south, east, north),
        tuple(about["centre"]),
        about.get("population"),
        districts,
        places,
        about,
    )


def _rows(path: Path, about: Mapping[str, Any], name: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    if name in about["layers"]:
        layer = layer_files.read(path / f"{name}.geojson")
        yield from zip(layer.shapes, layer.properties, strict=True)


def _about(path: Path) -> dict[str, Any] | None:
    try:
        about = orjson.loads((path / "city.json").read_bytes())
    except FileNotFoundError:
        return None
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{path / 'city.json'}: not JSON ({error}): build the city again") from None
    return about if isinstance(about, dict) else {}


def write_city(
    target: Path,
    about: Mapping[str, Any],
    found: Mapping[str, Layer],
    graph: Mapping[str, str] | None = None,
    scenery: Mapping[str, Layer] | None = None,
    max_zoom: int = tiles.MAX_ZOOM,
) -> City:
    """Writes a city directory, whole or not at all, and loads it.

    `graph` holds the text of nodes.csv, arcs.csv and stock.csv by name; `scenery` are layers that go into the tiles and nowhere
    else.

    Districts get the point for their name, and bounds, centre and population are computed where `about` does not say.
    """
    found = {name: layer for name, layer in found.items() if len(layer.shapes)}
    if not found:
        raise ValueError(f"{target}: the city has no feature at all: expected at least one district or place")
    if (districts := found.get("districts")) is not None:
        rows = [{"label_at": _label_at(shape), **row} for shape, row in zip(districts.shapes, districts.properties, strict=True)]
        found["districts"] = Layer("districts", districts.shapes, rows)
    west, south, east, north = (
        round(v, 6) for v in (found.get("districts") or found.get("places") or next(iter(found.values()))).bounds
    )
    people = [row.get("population") for row in (found["districts"].properties if "districts" in found else [])]
    summary = {
        "format": FORMAT,
        "crs": "EPSG:4326",
        "bounds": [west, south, east, north],
        "centre": [round((west + east) / 2, 6), round((south + north) / 2, 6)],
        "population": sum(n for n in people if n is not None) if people and None not in people else None,
        **about,
        "layers": {name: len(layer.shapes) for name, layer in found.items()},
    }
    with layer_files.whole_directory(target) as fresh:
        for name, layer in found.items():
            layer_files.write(layer, fresh / f"{name}.geojson")
        for name, text in (graph or {}).items():
            (fresh / name).write_text(text, encoding="utf-8", newline="")
        summary["tiles"] = tiles.build({**found, **(scenery or {})}, fresh / tiles.FILE_NAME, max_zoom)
        (fresh / "city.json").write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2) + b"\n")
    return load_city(target)


def _label_at(shape: Any) -> list[float]:
    point = tiles.inner_point(shape)
    return [round(point.x, 6), round(point.y, 6)]


def build_demo_city(out_dir: Path | str, seed: int | None = None, detail: float = 1.0, max_zoom: int = tiles.MAX_ZOOM) -> City:
    """Grows the demonstration city into `out_dir`; the same seed gives the same bytes. About 25 s and 0.8 GB.

    `detail` below 1 draws fewer streets and `max_zoom` fewer tiles, for tests.
    """
    from gis_data import demo_city  # costs half a second that readers of a finished city need not spend

    seed = demo_city.DEFAULT_SEED if seed is None else seed
    grown = demo_city.grow(seed, detail)
    return write_city(
        Path(out_dir),
        demo_city.about(seed, detail),
        {layer.name: layer for layer in grown.layers},
        _tables(grown),
        {layer.name: layer for layer in grown.scenery},
        max_zoom,
    )


def _tables(grown: GrownCity) -> dict[str, str]:
    """The text of each CSV file by its name."""
    nodes = ((k, f"{lat:.6f}", f"{lon:.6f}") for k, (lon, lat) in enumerate(grown.nodes.tolist()))
    columns = ("from", "to", "travel_s", "length_m", "class", "road", "bridge")
    arcs = (
        (u, v, f"{seconds:.1f}", f"{metres:.1f}", ROAD_CLASSES[rank], road, bridge)
        for u, v, seconds, metres, rank, road, bridge in zip(*(grown.arcs[key].tolist() for key in columns), strict=True)
    )
    return {
        "nodes.csv": _csv(("node", "lat", "lon"), nodes),
        "arcs.csv": _csv(columns, arcs),
        "stock.csv": _csv(STOCK_COLUMNS, grown.stock),
    }


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def ensure_demo_city(out_dir: Path | str, seed: int | None = None) -> City:
    """The demonstration city in `out_dir`, built only if it is missing or comes from another seed or generator version.

    Processes that ask at the same time wait for one of them to build.
    """
    from gis_data import demo_city

    out_dir = Path(out_dir)
    wanted = demo_city.about(demo_city.DEFAULT_SEED if seed is None else seed, 1.0)["generator"]
    with _alone(out_dir):
        about = _about(out_dir)
        if about is not None and about.get("format") == FORMAT and about.get("generator") == wanted:
            return load_city(out_dir)
        return build_demo_city(out_dir, seed)


@contextmanager
def _alone(out_dir: Path) -> Iterator[None]:
    """One process at a time builds this directory."""
    out_dir = out_dir.absolute()
    out_dir.parent.mkdir(parents=True, exist_ok=True)
    with (out_dir.parent / f".{out_dir.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build_city(config: Path | str, out_dir: Path | str, data_dir: Path | str | None = None) -> City:
    """Puts a real city together as a TOML file says (`config/cities/*.toml`); see `gis_data.real_city`.

    `data_dir` replaces the folder that the file's layer paths start from. Raises ValueError with one sentence that names
    file, layer, key, value, expectation and cure; nothing is left half-written.
    """
    from gis_data import real_city

    about, found = real_city.gather(Path(config), None if data_dir is None else Path(data_dir))
    return write_city(Path(out_dir), about, found, real_city.road_tables(found.get("roads")))
