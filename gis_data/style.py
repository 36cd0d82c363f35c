"""The map's look: a MapLibre style in the night blue of the screens, drawn from a city's own tiles.

No glyph server and no sprite: labels are drawn by the browser from the fonts the dashboard ships (`font-faces`), or from
the viewer's own where these are not given. Colours keep to blues, one dark teal for parks: the four warning colours, amber
and cyan fills are left to what happens in the city. Roads and land recede so that live things stand out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gis_data import tiles
from gis_data.city import City

SOURCE = "city"
#: Layers above which an application puts its own, from below: heat under the streets' names, marks above everything.
FIRST_LABEL_LAYER = "waterway-name"

LAND, SEA, DEEP, RIVER, STREAM, SHORE = "#0c1e41", "#091a3a", "#030a1d", "#07142d", "#0a2147", "#2c74b8"
DISTRICTS = ("#0f3263", "#11386d", "#0d2d5a", "#133f78", "#0f3568", "#123b72")
INK, QUIET, HALO = "#e8f3ff", "#9dbce0", "#061329"
EDGE, GLOW = "#6fd3ff", "#35c8ff"
GREEN, WOOD = "#0e4552", "#0d3c52"
USES = {
    "residential": "#143d73",
    "commercial": "#194f8b",
    "campus": "#16456f",
    "industrial": "#1f3068",
    "square": "#2a5f8f",
    "field": "#0f3a5e",
}
#: Each class of road, widest first: its colour seen from far, its colour in the street, where names stand on it, its edge.
ROADS = {
    "expressway": ("#a9d4fb", "#5c93cf", "#0a2146"),
    "arterial": ("#6ea4dc", "#3f78b8", "#0a2146"),
    "secondary": ("#4679b4", "#34689f", "#0b2449"),
    "local": ("#2f5f9b", "#2b588f", "#0b2449"),
}
#: Metro lines by number; more lines take the last.
METRO: Mapping[int, str] = {1: "#8ea2ff", 2: "#b9a3f5", 3: "#7fc0d6"}
_WIDTHS = {
    "expressway": ((8, 0.9), (10, 1.7), (12, 2.6), (14, 5.5), (16, 13), (18, 34)),
    "arterial": ((9, 0.4), (10, 0.9), (12, 1.7), (14, 4.0), (16, 10), (18, 28)),
    "secondary": ((10, 0.3), (11, 0.5), (12, 0.8), (14, 2.6), (16, 7.5), (18, 22)),
    "local": ((12, 0.3), (13, 0.6), (14, 1.3), (16, 5.0), (18, 17)),
}
#: Kinds of places that the basemap itself marks; what acts in an emergency is left to the screens.
NAMED_PLACES = ["service_hall", "hospital", "mall", "school", "factory", "warehouse", "pumping_station", "substation"]
BOLD, REGULAR = ["Noto Sans SC Bold", "Noto Sans SC"], ["Noto Sans SC Regular", "Noto Sans SC"]

Json = dict[str, Any]


def map_style(
    city: City, lang: str, origin_url: str, font_faces: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> Json:
    """The style for a city, labels in `lang` (zh or en), tiles from `{origin_url}/tiles/{z}/{x}/{y}.mvt`.

    `font_faces` is the content of the dashboard's `font-faces.json`; its files are asked for below `{origin_url}/vendor/`.
    `metadata` says the zoom at which the whole city fits a 1000 × 800 map.
    """
    if lang not in ("zh", "en"):
        raise ValueError(f"lang is {lang!r}: expected zh or en")
    origin = origin_url.rstrip("/")
    style: Json = {
        "version": 8,
        "name": city.name(lang),
        "metadata": {"cityhelm:bounds": list(city.bounds), "cityhelm:centre": list(city.centre), "cityhelm:lang": lang},
        "center": list(city.centre),
        "zoom": 9.6,
        "transition": {"duration": 200, "delay": 0},
        "sources": {
            SOURCE: {
                "type": "vector",
                "tiles": [f"{origin}/tiles/{{z}}/{{x}}/{{y}}.mvt"],
                "minzoom": tiles.MIN_ZOOM,
                "maxzoom": tiles.TileStore(city.tiles_path).zooms[1] if city.tiles_path else tiles.MAX_ZOOM,
                "promoteId": {"districts": "code", "places": "place"},
            }
        }
        if city.tiles_path
        else {},
        "layers": [{"id": "background", "type": "background", "paint": {"background-color": LAND}}],
    }
    if font_faces:
        style["font-faces"] = {
            name: [{**face, "url": f"{origin}/vendor/{face['url']}"} for face in faces] for name, faces in font_faces.items()
        }
    if city.tiles_path:
        name = (
            ["coalesce", ["get", "name_en"], ["get", "name_zh"]]
            if lang == "en"
            else ["coalesce", ["get", "name_zh"], ["get", "name_en"]]
        )
        style["layers"] += [
            *_ground(),
            *_borders_below(),
            *_water(),
            *_rails(),
            *_roads(),
            *_metro(),
            *_borders_above(),
            *_labels(name, lang),
        ]
    return style


def _layer(id_: str, kind: str, source_layer: str, paint: Json, layout: Json | None = None, **more: Any) -> Json:
    layer: Json = {"id": id_, "type": kind, "source": SOURCE, "source-layer": source_layer, "paint": paint}
    if layout:
        layer["layout"] = layout
    return layer | {key.replace("_", "-"): value for key, value in more.items()}


def _zoomed(*stops: tuple[float, Any], base: float = 1.0) -> list[Any]:
    """A value that grows with zoom between stops."""
    kind: list[Any] = ["linear"] if base == 1.0 else ["exponential", base]
    return ["interpolate", kind, ["zoom"], *(item for stop in stops for item in stop)]


def _by(key: str, table: Mapping[Any, Any], other: Any) -> list[Any]:
    return ["match", ["get", key], *(item for pair in table.items() for item in pair), other]


def _ground() -> list[Json]:
    shade = [
        "match",
        ["%", ["get", "id"], len(DISTRICTS)],
        *(item for k, c in enumerate(DISTRICTS) for item in (k, c)),
        DISTRICTS[0],
    ]
    height = ["interpolate", ["linear"], ["get", "height_m"], 50, 0.035, 190, 0.045, 550, 0.055]
    height = _zoomed((13, height), (15, 0.0))
    return [
        _layer(
            "district-glow",
            "line",
            "borders",
            {
                "line-color": GLOW,
                "line-width": _zoomed((8, 7), (11, 16), (14, 26)),
                "line-blur": _zoomed((8, 7), (11, 16), (14, 26)),
                "line-opacity": _zoomed((8, 0.42), (12, 0.30), (14, 0.12)),
            },
            filter=["==", ["get", "outer"], 1],
        ),
        _layer("district", "fill", "districts", {"fill-color": shade, "fill-opacity": _zoomed((8, 0.95), (12, 0.9), (14, 0.75))}),
        _layer(
            "relief",
            "fill",
            "relief",
            {"fill-color": "#8cc0ff", "fill-opacity": height, "fill-antialias": False},
            maxzoom=15,
            filter=[">", ["get", "height_m"], 0],
        ),
        _layer(
            "wood",
            "fill",
            "green",
            {"fill-color": WOOD, "fill-opacity": _zoomed((9, 0.25), (13, 0.5))},
            filter=["==", ["get", "kind"], "wood"],
        ),
        _layer(
            "urban",
            "fill",
            "urban",
            {
                "fill-color": "#3f97e6",
                "fill-opacity": _zoomed((8, 0.11), (11, 0.10), (12.5, 0.0)),
                "fill-antialias": False,
            },
            maxzoom=12.6,
        ),
        _layer(
            "landuse",
            "fill",
            "landuse",
            {
                "fill-color": _by("use", USES, USES["residential"]),
                "fill-opacity": _zoomed((11, 0.0), (12.2, 0.55), (14, 0.85)),
            },
            minzoom=11,
            filter=["!=", ["get", "use"], "green"],
        ),
        _layer(
            "greenway",
            "fill",
            "green",
            {"fill-color": GREEN, "fill-opacity": _zoomed((11.5, 0.0), (13, 0.6), (15, 0.9))},
            minzoom=11.5,
            filter=["==", ["get", "kind"], "greenway"],
        ),
        _layer(
            "green",
            "fill",
            "green",
            {"fill-color": GREEN, "fill-opacity": _zoomed((9, 0.35), (12, 0.75), (15, 0.9))},
            filter=["!", ["in", ["get", "kind"], ["literal", ["wood", "greenway"]]]],
        ),
        _layer(
            "green-small",
            "fill",
            "landuse",
            {"fill-color": GREEN, "fill-opacity": 0.8},
            minzoom=12,
            filter=["==", ["get", "use"], "green"],
        ),
        _layer(
            "park-path",
            "line",
            "paths",
            {
                "line-color": "#2b7076",
                "line-width": _zoomed((13.5, 0.5), (16, 1.8), (18, 5)),
                "line-opacity": _zoomed((13.5, 0), (14.5, 0.8)),
            },
            {"line-join": "round", "line-cap": "round"},
            minzoom=13.5,
            filter=["==", ["get", "kind"], "path"],
        ),
        _layer(
            "building",
            "fill",
            "buildings",
            {
                "fill-color": [
                    "interpolate",
                    ["linear"],
                    ["get", "floors"],
                    3,
                    "#1d5290",
                    9,
                    "#2460a2",
                    18,
                    "#2f74b8",
                    42,
                    "#4a93d6",
                ],
                "fill-outline-color": "#0f3263",
                "fill-opacity": _zoomed((14, 0.0), (14.8, 0.6), (16, 0.9)),
            },
            minzoom=14,
        ),
    ]


def _water() -> list[Json]:
    lane, pier = ["get", "kind"], ["==", ["get", "kind"], "pier"]
    return [
        _layer(
            "shore",
            "line",
            "water",
            {
                "line-color": SHORE,
                "line-width": _zoomed((8, 0.5), (12, 1.4), (16, 3)),
                "line-opacity": ["match", ["get", "kind"], "stream", 0.35, 0.5],
            },
            {"line-join": "round"},
        ),
        _layer(
            "beyond",
            "fill",
            "beyond",
            {
                "fill-color": ["case", ["==", ["get", "height_m"], 0], SEA, DEEP],
                "fill-opacity": ["case", ["==", ["get", "height_m"], 0], 1, 0.3],
                "fill-antialias": False,
            },
            maxzoom=12,
        ),
        _layer("water", "fill", "water", {"fill-color": _by("kind", {"sea": SEA, "stream": STREAM}, RIVER)}),
        _layer(
            "depth",
            "fill",
            "relief",
            {"fill-color": DEEP, "fill-opacity": _zoomed((13, 0.3), (15, 0.0)), "fill-antialias": False},
            maxzoom=15,
            filter=["<", ["get", "height_m"], 0],
        ),
        _layer(
            "pier",
            "fill",
            "piers",
            {"fill-color": ["case", pier, "#143d73", "#1d4c80"], "fill-outline-color": SHORE},
            minzoom=10,
        ),
        _layer(
            "sea-lane",
            "line",
            "lanes",
            {
                "line-color": ["match", lane, "ferry", "#4f86c6", "#2f5686"],
                "line-width": ["match", lane, "ferry", 1.2, 1.0],
                "line-opacity": _zoomed((9, 0.4), (12, 0.75)),
                "line-dasharray": [6, 5],
            },
            minzoom=9,
        ),
    ]


def _borders_below() -> list[Json]:
    """Between districts: under water, where a border would only clutter the river it follows, and under the roads, beside
    which its band shows."""
    inner = ["==", ["get", "outer"], 0]
    return [
        _layer(
            "border-band",
            "line",
            "borders",
            {
                "line-color": "#63c3f5",
                "line-width": _zoomed((8, 2), (11, 4), (14, 13), (16, 24)),
                "line-opacity": _zoomed((8, 0.16), (11, 0.13), (13, 0.2), (16, 0.12)),
            },
            {"line-join": "round"},
            filter=inner,
        ),
        _layer(
            "border-inner",
            "line",
            "borders",
            {
                "line-color": "#7fc4ee",
                "line-width": _zoomed((8, 0.7), (11, 1.1), (14, 1.8)),
                "line-opacity": _zoomed((8, 0.7), (12, 0.6), (15, 0.5)),
                "line-dasharray": [7, 3, 1.5, 3],
            },
            {"line-join": "round"},
            filter=inner,
        ),
    ]


def _borders_above() -> list[Json]:
    return [
        _layer(
            "border-outer",
            "line",
            "borders",
            {
                "line-color": EDGE,
                "line-width": _zoomed((8, 1.2), (11, 1.8), (14, 2.6)),
                "line-opacity": _zoomed((8, 0.95), (13, 0.7), (15, 0.45)),
            },
            {"line-join": "round"},
            filter=["==", ["get", "outer"], 1],
        ),
    ]


def _rails() -> list[Json]:
    railway = ["==", ["get", "kind"], "railway"]
    return [
        _layer(
            "railway",
            "line",
            "rails",
            {"line-color": "#86a5cd", "line-width": _zoomed((9, 0.8), (13, 2.4), (16, 5)), "line-opacity": 0.75},
            filter=railway,
        ),
        _layer(
            "railway-ties",
            "line",
            "rails",
            {
                "line-color": "#0c2145",
                "line-width": _zoomed((10, 0.5), (13, 1.4), (16, 3.4)),
                "line-dasharray": [6, 6],
            },
            minzoom=10,
            filter=railway,
        ),
    ]


def _metro() -> list[Json]:
    """Underground lines, above the streets they run below; broken at street zoom, where one would take them for streets."""
    metro = ["==", ["get", "kind"], "metro"]
    common = {"line-color": _by("line", METRO, METRO[3]), "line-width": _zoomed((9, 0.9), (11, 1.7), (13, 2.6), (16, 4.5))}
    return [
        _layer(
            "metro",
            "line",
            "rails",
            {**common, "line-opacity": _zoomed((9, 0.55), (11, 0.85), (14, 0.75))},
            {"line-join": "round", "line-cap": "round"},
            minzoom=9,
            maxzoom=14.5,
            filter=metro,
        ),
        _layer(
            "metro-near",
            "line",
            "rails",
            {**common, "line-opacity": 0.6, "line-dasharray": [3, 2]},
            {"line-join": "round"},
            minzoom=14.5,
            filter=metro,
        ),
    ]


def _roads() -> list[Json]:
    out = [
        _layer(
            "ramp",
            "line",
            "paths",
            {
                "line-color": ROADS["expressway"][1],
                "line-width": _zoomed((12.5, 0.6), (14, 2.0), (16, 6), (18, 16), base=1.5),
                "line-opacity": _zoomed((12.5, 0), (13.2, 0.85)),
            },
            {"line-join": "round", "line-cap": "round"},
            minzoom=12.5,
            filter=["==", ["get", "kind"], "ramp"],
        )
    ]
    for kind in reversed(ROADS):
        far, near, edge = ROADS[kind]
        width, chosen = _WIDTHS[kind], ["==", ["get", "class"], kind]
        start = {"secondary": 10, "local": 12}.get(kind, 8)
        wider = [(zoom, w + (1.2 if zoom < 14 else 2.6)) for zoom, w in width if zoom >= 12]
        round_ends = {"line-cap": "round", "line-join": "round"}
        out += [
            _layer(
                f"road-{kind}-edge",
                "line",
                "roads",
                {
                    "line-color": ["case", ["==", ["get", "bridge"], 1], "#7fb4e8", edge],
                    "line-width": _zoomed(*wider, base=1.5),
                    "line-opacity": _zoomed((12, 0.0), (13.5, 0.9)),
                },
                {"line-join": "round"},
                minzoom=max(12, start),
                filter=chosen,
            ),
            _layer(
                f"road-{kind}",
                "line",
                "roads",
                {
                    "line-color": ["interpolate", ["linear"], ["zoom"], 13, far, 15, near],
                    "line-width": _zoomed(*width, base=1.5),
                    "line-opacity": {
                        "expressway": _zoomed((8, 0.75), (11, 0.85)),
                        "arterial": _zoomed((9, 0.4), (11, 0.75), (13, 0.9)),
                        "secondary": _zoomed((10, 0.3), (11, 0.5), (13, 0.75)),
                        "local": _zoomed((12, 0.25), (14, 0.8)),
                    }[kind],
                },
                round_ends,
                minzoom=start,
                filter=chosen,
            ),
        ]
    return out


def _labels(name: list[Any], lang: str) -> list[Json]:
    """Names, the less important first: MapLibre draws in this order and gives room in the opposite one."""
    halo = {"text-halo-color": HALO, "text-halo-width": 1.6}
    tall = 0.0 if lang == "en" else 0.12
    kind = ["get", "kind"]
    station = ["match", kind, ["metro_station", "railway_station"], True, False]

    def along(id_: str, source: str, colour: Any, size: Any, layout: Json, paint: Json | None = None, **more: Any) -> Json:
        text: Json = {
            "symbol-placement": "line",
            "text-field": name,
            "text-font": REGULAR,
            "text-size": size,
            "text-max-angle": 35,
        }
        return _layer(id_, "symbol", source, {"text-color": colour, **halo, **(paint or {})}, {**text, **layout}, **more)

    def at(id_: str, source: str, colour: Any, size: Any, layout: Json, paint: Json | None = None, **more: Any) -> Json:
        text: Json = {"text-field": name, "text-font": REGULAR, "text-size": size, "text-max-width": 8}
        return _layer(id_, "symbol", source, {"text-color": colour, **halo, **(paint or {})}, {**text, **layout}, **more)

    below = {"text-offset": [0, 0.8], "text-anchor": "top"}
    dot = {"circle-color": "#0b1f44", "circle-stroke-color": "#8fb6e6"}
    return [
        along(
            FIRST_LABEL_LAYER,
            "waterways",
            "#6f9fd8",
            _zoomed((10, 13), (15, 17)),
            {"symbol-spacing": 420, "text-letter-spacing": 0.4 if lang == "zh" else 0.12},
            {"text-halo-color": SEA, "text-halo-width": 1.2},
        ),
        along(
            "lane-name",
            "lanes",
            "#5f8fc8",
            13,
            {"symbol-spacing": 700, "text-offset": [0, -0.9], "text-max-angle": 12},
            minzoom=10,
        ),
        along(
            "metro-name",
            "rails",
            _by("line", METRO, METRO[3]),
            13,
            {"symbol-spacing": 900, "text-offset": [0, -0.9], "text-letter-spacing": tall},
            minzoom=12.2,
            filter=["==", kind, "metro"],
        ),
        along(
            "railway-name",
            "rails",
            "#9fb9da",
            13,
            {"symbol-spacing": 900, "text-offset": [0, -0.9], "text-letter-spacing": tall},
            minzoom=12.6,
            filter=["==", kind, "railway"],
        ),
        along(
            "road-name",
            "roads",
            "#d3e5fa",
            _zoomed((12, 13), (16, 14.5)),
            {
                "symbol-spacing": _zoomed((12, 300), (16, 460)),
                "text-letter-spacing": tall,
                "symbol-sort-key": _by("class", {"arterial": 1, "secondary": 2}, 3),
            },
            {"text-halo-width": 2, "text-opacity": _zoomed((12, 0.75), (15, 1))},
            minzoom=12,
            filter=["all", ["has", "name_zh"], ["!=", ["get", "class"], "expressway"]],
        ),
        along(
            "expressway-name",
            "roads",
            "#e3f0ff",
            _zoomed((10, 13), (16, 15)),
            {"symbol-spacing": 520, "text-letter-spacing": tall},
            {"text-halo-width": 2},
            minzoom=10.4,
            filter=["all", ["has", "name_zh"], ["==", ["get", "class"], "expressway"]],
        ),
        at(
            "area-name",
            "labels",
            ["match", kind, ["park", "hill"], "#7cc0b4", "island", "#8db4e0", "#7fb0e6"],
            _zoomed((11, 13), (15, 15)),
            {"text-letter-spacing": tall, "symbol-sort-key": ["get", "rank"]},
            minzoom=10,
            filter=["!", ["in", kind, ["literal", ["district", "town", "sea"]]]],
        ),
        _layer(
            "place-dot",
            "circle",
            "places",
            {**dot, "circle-radius": _zoomed((14, 2.2), (17, 4)), "circle-stroke-width": 1.2, "circle-opacity": 0.9},
            minzoom=14.2,
            filter=["in", kind, ["literal", NAMED_PLACES]],
        ),
        _layer(
            "station-dot",
            "circle",
            "places",
            {
                **dot,
                "circle-radius": _zoomed((10.5, 1.6), (14, 4.0), (17, 7)),
                "circle-stroke-color": ["case", ["==", kind, "railway_station"], INK, "#c3ceff"],
                "circle-stroke-width": _zoomed((11, 0.9), (14, 1.8)),
            },
            minzoom=10.5,
            filter=station,
        ),
        at(
            "small-place-name",
            "places",
            QUIET,
            13,
            {**below, "text-max-width": 9},
            minzoom=15.2,
            filter=["in", kind, ["literal", ["school", "factory", "warehouse", "pumping_station", "substation"]]],
        ),
        at(
            "place-name",
            "places",
            "#c2d8f2",
            13,
            {**below, "text-max-width": 9},
            minzoom=13.8,
            filter=["in", kind, ["literal", ["service_hall", "hospital", "mall", "square"]]],
        ),
        at(
            "station-name",
            "places",
            "#d4dcff",
            _zoomed((12, 13), (16, 14.5)),
            {**below, "text-max-width": 9},
            minzoom=12.4,
            filter=station,
        ),
        at(
            "town-name",
            "labels",
            "#cfe2f8",
            _zoomed((10, 13), (14, 17)),
            {"text-letter-spacing": tall},
            minzoom=10,
            maxzoom=15,
            filter=["==", kind, "town"],
        ),
        at(
            "sea-name",
            "labels",
            "#4f7fbd",
            _zoomed((9, 15), (12, 26)),
            {"text-letter-spacing": 0.9 if lang == "zh" else 0.35, "text-max-width": 20},
            {"text-halo-color": SEA},
            minzoom=9,
            filter=["==", kind, "sea"],
        ),
        at(
            "district-name",
            "labels",
            INK,
            _zoomed((8, 13), (10, 17), (13, 24)),
            {"text-font": BOLD, "text-letter-spacing": tall, "text-padding": 4},
            {"text-halo-width": 2.0, "text-opacity": _zoomed((12.5, 1.0), (14, 0.35))},
            maxzoom=14.5,
            filter=["==", kind, "district"],
        ),
    ]
