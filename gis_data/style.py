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

LAND, SEA, RIVER, SHORE = "#0a1a38", "#050e22", "#07142d", "#2c74b8"
DISTRICTS = ("#0f3263", "#11386d", "#0d2d5a", "#133f78", "#0f3568", "#123b72")
INK, QUIET, HALO = "#e8f3ff", "#9dbce0", "#061329"
EDGE, GLOW = "#6fd3ff", "#35c8ff"
GREEN, WOOD = "#0e4552", "#0d3c52"
USES = {"residential": "#154077", "commercial": "#1c5796", "industrial": "#1d2f66"}
#: Fill and edge of each class of road, widest first.
ROADS = {
    "expressway": ("#a9d4fb", "#0a2146"),
    "arterial": ("#6ea4dc", "#0a2146"),
    "secondary": ("#4679b4", "#0b2449"),
    "local": ("#2f5f9b", "#0b2449"),
}
_WIDTHS = {
    "expressway": ((8, 0.9), (10, 1.7), (12, 2.6), (14, 5.5), (16, 13), (18, 34)),
    "arterial": ((9, 0.4), (10, 0.9), (12, 1.7), (14, 4.0), (16, 10), (18, 28)),
    "secondary": ((10, 0.3), (11, 0.5), (12, 0.8), (14, 2.6), (16, 7.5), (18, 22)),
    "local": ((12, 0.3), (13, 0.6), (14, 1.3), (16, 5.0), (18, 17)),
}
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


def _by(key: str, table: Mapping[str, Any], other: Any) -> list[Any]:
    return ["match", ["get", key], *(item for pair in table.items() for item in pair), other]


def _ground() -> list[Json]:
    shade = [
        "match",
        ["%", ["get", "id"], len(DISTRICTS)],
        *(item for k, c in enumerate(DISTRICTS) for item in (k, c)),
        DISTRICTS[0],
    ]
    height = ["interpolate", ["linear"], ["get", "height_m"], 50, 0.045, 190, 0.05, 550, 0.06]
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
        _layer("relief", "fill", "relief", {"fill-color": "#8cc0ff", "fill-opacity": height, "fill-antialias": False}),
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
            "green",
            "fill",
            "green",
            {"fill-color": GREEN, "fill-opacity": _zoomed((9, 0.35), (12, 0.75), (15, 0.9))},
            filter=["!=", ["get", "kind"], "wood"],
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
            "building",
            "fill",
            "buildings",
            {
                "fill-color": ["interpolate", ["linear"], ["get", "floors"], 3, "#1b4f8d", 12, "#2562a6", 30, "#3b7fc4"],
                "fill-outline-color": "#0f3263",
                "fill-opacity": _zoomed((14, 0.0), (14.8, 0.6), (16, 0.8)),
            },
            minzoom=14,
        ),
    ]


def _water() -> list[Json]:
    return [
        _layer(
            "shore",
            "line",
            "water",
            {
                "line-color": SHORE,
                "line-width": _zoomed((8, 0.5), (12, 1.4), (16, 3)),
                "line-opacity": _zoomed((8, 0.45), (12, 0.5), (16, 0.6)),
            },
            {"line-join": "round"},
            filter=["!=", ["get", "kind"], "stream"],
        ),
        _layer("water", "fill", "water", {"fill-color": _by("kind", {"sea": SEA}, RIVER)}),
    ]


def _borders_below() -> list[Json]:
    """Between districts: under water, where a border would only clutter the river it follows, and under the roads."""
    return [
        _layer(
            "border-inner",
            "line",
            "borders",
            {
                "line-color": "#59bdf0",
                "line-width": _zoomed((8, 0.7), (11, 1.3), (14, 2.2)),
                "line-opacity": _zoomed((8, 0.65), (12, 0.6), (14, 0.4)),
            },
            {"line-join": "round"},
            filter=["==", ["get", "outer"], 0],
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
    railway, metro = ["==", ["get", "kind"], "railway"], ["==", ["get", "kind"], "metro"]
    return [
        _layer(
            "railway",
            "line",
            "rails",
            {"line-color": "#5b7fae", "line-width": _zoomed((9, 0.6), (13, 1.6), (16, 4)), "line-opacity": 0.8},
            filter=railway,
        ),
        _layer(
            "railway-ties",
            "line",
            "rails",
            {
                "line-color": "#0c2145",
                "line-width": _zoomed((11, 0.4), (13, 1.0), (16, 2.6)),
                "line-dasharray": [5, 5],
            },
            minzoom=11,
            filter=railway,
        ),
        _layer(
            "metro",
            "line",
            "rails",
            {
                "line-color": "#8ea2ff",
                "line-width": _zoomed((10, 0.9), (13, 2.0), (16, 4.5)),
                "line-opacity": _zoomed((10, 0.35), (13, 0.6)),
            },
            {"line-join": "round", "line-cap": "round"},
            minzoom=10,
            filter=metro,
        ),
    ]


def _roads() -> list[Json]:
    out = []
    for kind in reversed(ROADS):
        fill, edge = ROADS[kind]
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
                    "line-color": fill,
                    "line-width": _zoomed(*width, base=1.5),
                    "line-opacity": {
                        "expressway": _zoomed((8, 0.75), (11, 0.85)),
                        "arterial": _zoomed((9, 0.4), (11, 0.75), (13, 0.9)),
                        "secondary": _zoomed((10, 0.22), (11, 0.4), (13, 0.75)),
                        "local": _zoomed((12, 0.25), (14, 0.75)),
                    }[kind],
                },
                round_ends,
                minzoom=start,
                filter=chosen,
            ),
        ]
    return out


def _labels(name: list[Any], lang: str) -> list[Json]:
    halo = {"text-halo-color": HALO, "text-halo-width": 1.6}
    tall = 0.0 if lang == "en" else 0.12
    station = ["match", ["get", "kind"], ["metro_station", "railway_station"], True, False]
    place = ["match", ["get", "kind"], ["service_hall", "hospital"], True, False]
    return [
        _layer(
            FIRST_LABEL_LAYER,
            "symbol",
            "waterways",
            {"text-color": "#6f9fd8", "text-halo-color": SEA, "text-halo-width": 1.2},
            {
                "symbol-placement": "line",
                "symbol-spacing": 420,
                "text-field": name,
                "text-font": REGULAR,
                "text-size": _zoomed((10, 13), (15, 17)),
                "text-letter-spacing": 0.4 if lang == "zh" else 0.12,
                "text-max-angle": 40,
            },
        ),
        _layer(
            "road-name",
            "symbol",
            "roads",
            {"text-color": "#b9d4f2", **halo, "text-opacity": _zoomed((12, 0.75), (15, 0.95))},
            {
                "symbol-placement": "line",
                "symbol-spacing": 340,
                "text-field": name,
                "text-font": REGULAR,
                "text-size": ["interpolate", ["linear"], ["zoom"], 12, 13, 16, 14.5],
                "text-letter-spacing": tall,
                "symbol-sort-key": _by("class", {"expressway": 0, "arterial": 1, "secondary": 2}, 3),
            },
            minzoom=12,
            filter=["has", "name_zh"],
        ),
        _layer(
            "area-name",
            "symbol",
            "labels",
            {
                "text-color": ["match", ["get", "kind"], "park", "#6fb3a8", "#7fb0e6"],
                "text-halo-color": HALO,
                "text-halo-width": 1.3,
            },
            {
                "text-field": name,
                "text-font": REGULAR,
                "text-size": _zoomed((11, 13), (15, 15)),
                "text-letter-spacing": tall,
                "text-max-width": 7,
            },
            minzoom=11,
            filter=["!=", ["get", "kind"], "district"],
        ),
        _layer(
            "station-dot",
            "circle",
            "places",
            {
                "circle-radius": _zoomed((11, 1.6), (14, 4.0), (17, 7)),
                "circle-color": "#0b1f44",
                "circle-stroke-color": ["case", ["==", ["get", "kind"], "railway_station"], INK, "#aab8ff"],
                "circle-stroke-width": _zoomed((11, 0.9), (14, 1.8)),
            },
            minzoom=11,
            filter=station,
        ),
        _layer(
            "station-name",
            "symbol",
            "places",
            {"text-color": "#c3ceff", **halo},
            {
                "text-field": name,
                "text-font": REGULAR,
                "text-size": _zoomed((12, 13), (16, 14.5)),
                "text-offset": [0, 0.9],
                "text-anchor": "top",
                "text-max-width": 9,
            },
            minzoom=12.6,
            filter=station,
        ),
        _layer(
            "place-name",
            "symbol",
            "places",
            {"text-color": QUIET, **halo},
            {
                "text-field": name,
                "text-font": REGULAR,
                "text-size": 13,
                "text-offset": [0, 1.0],
                "text-anchor": "top",
                "text-max-width": 9,
            },
            minzoom=13.6,
            filter=place,
        ),
        _layer(
            "district-name",
            "symbol",
            "labels",
            {
                "text-color": INK,
                "text-halo-color": HALO,
                "text-halo-width": 2.0,
                "text-opacity": _zoomed((12.5, 1.0), (14, 0.35)),
            },
            {
                "text-field": name,
                "text-font": BOLD,
                "text-size": _zoomed((8, 13), (10, 17), (13, 24)),
                "text-letter-spacing": tall,
                "text-max-width": 8,
                "text-padding": 4,
            },
            maxzoom=14.5,
            filter=["==", ["get", "kind"], "district"],
        ),
    ]
