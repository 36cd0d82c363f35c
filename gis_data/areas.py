"""Areas: who lives and what stands inside a polygon, and what each district has, from the layers of a built city.

Polygons are WGS-84 degrees; residents are counted from the population grid as if they lived evenly over each square. Areas
are measured on the UTM zone the city lies in (EPSG:326xx or 327xx), true to a few parts in ten thousand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import shapely

from gis_data.city import City, Place
from gis_data.layers import Layer

if TYPE_CHECKING:
    import geopandas
    import pandas as pd

#: What places of a kind can hold, by the attribute that says so: summed up by district and within areas.
CAPACITY = {"service_hall": "windows", "hospital": "beds", "school": "pupils", "shelter": "capacity"}


@dataclass(frozen=True)
class Within:
    """What lies inside an area: its size, residents (in all and by district code; none for a city without a population grid)
    and the places in the order of their ids."""

    area_km2: float
    residents: int | None
    by_district: Mapping[str, int] = field(repr=False)
    places: tuple[Place, ...] = field(repr=False)

    def places_of(self, kind: str) -> tuple[Place, ...]:
        """Those of a kind."""
        return tuple(place for place in self.places if place.kind == kind)


def within(city: City, area: Any) -> Within:
    """What lies inside a polygon or multipolygon (WGS-84), such as a plume, a flooded quarter or one drawn by hand.

    Raises ValueError when `area` is no polygon or crosses itself.
    """
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty or not area.is_valid:
        what = "empty" if area.is_empty else area.geom_type if area.is_valid else shapely.is_valid_reason(area)
        raise ValueError(f"the area is {what}: expected a polygon of degrees whose edges do not cross")
    frames = _frames(city)
    zone = frames.zone
    import geopandas

    outline = geopandas.GeoSeries([area], crs=4326)
    inside = frames.places.sindex.query(area, predicate="intersects", sort=True)
    residents: int | None = None
    by_district: dict[str, int] = {}
    if frames.squares is not None:
        squares = frames.squares.iloc[frames.squares.sindex.query(area, predicate="intersects", sort=True)].to_crs(zone)
        share = squares.intersection(outline.to_crs(zone).iloc[0]).area / squares.area
        people = (squares["population"] * share).groupby(squares["district"]).sum()
        by_district = {str(code): round(count) for code, count in people.items() if round(count)}
        residents = sum(by_district.values())
    return Within(
        float(outline.to_crs(zone).area.iloc[0] / 1e6), residents, by_district, tuple(city.places[int(k)] for k in inside)
    )


def on_plane(city: City, shapes: Any) -> Any:
    """Shapes in degrees as a GeoSeries in metres, on the UTM zone in which the city lies; `to_crs(4326)` is the way back."""
    import geopandas

    return geopandas.GeoSeries(list(shapes), crs=4326).to_crs(_frames(city).zone)


def by_district(city: City) -> pd.DataFrame:
    """One row per district code: area_km2, residents (summed from the population grid where there is one), the number of
    places of each kind by where they stand, and what they can hold as `kind.attribute`, such as hospital.beds."""
    frames = _frames(city)
    districts = frames.districts.set_index("code")
    table = districts[["name_zh", "name_en"]].copy()
    table["area_km2"] = districts.to_crs(districts.estimate_utm_crs()).area / 1e6
    if frames.squares is None:
        table["residents"] = districts["population"]
    else:
        table["residents"] = frames.squares.groupby("district")["population"].sum()
    placed = frames.places.sjoin(frames.districts[["code", "geometry"]], predicate="intersects")
    placed = placed[~placed.index.duplicated()]  # on a common border: the first
    counts = placed.groupby(["code", "kind"]).size().unstack(fill_value=0)
    table = table.join(counts)
    for kind, attribute in CAPACITY.items():
        held = placed[placed["kind"] == kind]
        if len(held):
            amount = held["attributes"].map(lambda row, key=attribute: row.get(key, 0))
            table[f"{kind}.{attribute}"] = amount.groupby(held["code"]).sum()
    numbers = table.columns.difference(["name_zh", "name_en", "area_km2"])
    table[numbers] = table[numbers].fillna(0).astype(int)
    return table


@dataclass(frozen=True)
class _Frames:
    """The city's layers as tables with a spatial index."""

    districts: geopandas.GeoDataFrame
    places: geopandas.GeoDataFrame
    squares: geopandas.GeoDataFrame | None
    zone: Any
    """The plane on which areas are measured; finding it takes longer than all the rest of a question."""


@lru_cache(maxsize=2)
def _frames(city: City) -> _Frames:
    import geopandas  # costs half a second that processes which ask nothing of the kind need not spend

    def frame(layer: Layer) -> Any:
        return geopandas.GeoDataFrame(list(layer.properties), geometry=list(layer.shapes), crs=4326)

    places = geopandas.GeoDataFrame(
        {
            "id": [p.id for p in city.places],
            "kind": [p.kind for p in city.places],
            "attributes": [p.attributes for p in city.places],
        },
        geometry=geopandas.points_from_xy([p.lon for p in city.places], [p.lat for p in city.places]),
        crs=4326,
    )
    districts = geopandas.GeoDataFrame(
        [(d.code, d.name_zh, d.name_en, d.population) for d in city.districts],
        columns=["code", "name_zh", "name_en", "population"],
        geometry=[d.polygon for d in city.districts],
        crs=4326,
    )
    squares = city.layer("population")
    zone = (places if len(places) else districts).estimate_utm_crs()
    return _Frames(districts, places, None if squares is None else frame(squares), zone)
