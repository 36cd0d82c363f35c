"""Holdings: what resources the layers of a city tell of: lots in warehouses, shelters, hospitals. Pure.

A shelter that nobody has opened holds nobody. How many beds of a hospital are taken no layer can know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from domain.resources import DEPARTMENTS, Holding, ResourceKind
from gis_data.city import City, Place, StockItem

EQUIPMENT = frozenset({
    "pump", "big_pump", "boat", "life_jacket", "generator", "light", "chemical_suit", "breathing", "barrier",
})  # fmt: skip
"""Articles that come back from an incident; the others are used up there."""
_SITES = {
    "shelter": (ResourceKind.SHELTER, "capacity", "人", "people", 0),
    "hospital": (ResourceKind.HOSPITAL, "beds", "床", "beds", None),
}
"""Kind of place → kind of resource, the attribute that says how much it holds, its unit, and how much of it is taken at first."""


def holdings(city: City, today: date) -> list[Holding]:
    """Everything that a city holds, in the order of ids; lots expire as on `today`."""
    places = {place.id: place for place in city.places}
    lots = [_lot(item, places[item.warehouse_id], today) for item in city.stock() if item.warehouse_id in places]
    return sorted([*lots, *_sites(city)], key=lambda holding: holding.resource_id)


def _lot(item: StockItem, site: Place, today: date) -> Holding:
    kind = ResourceKind.EQUIPMENT if item.key in EQUIPMENT else ResourceKind.SUPPLY
    return Holding(
        f"{site.id}:{item.key}", kind, item.key, item.name_zh, item.name_en, item.unit_zh, item.unit_en, _department(site),
        site.district_code, site.id, site.name_zh, site.name_en, site.lon, site.lat, item.quantity, 0, item.expires_on(today),
    )  # fmt: skip


def _sites(city: City) -> Iterator[Holding]:
    for site in city.places:
        kind, attribute, unit_zh, unit_en, occupied = _SITES.get(site.kind, (None, "", "", "", None))
        capacity = site.attributes.get(attribute)
        if kind is not None and isinstance(capacity, int | float):
            yield Holding(
                site.id, kind, kind.value, site.name_zh, site.name_en, unit_zh, unit_en, _department(site), site.district_code,
                site.id, "", "", site.lon, site.lat, int(capacity), occupied, None,
            )  # fmt: skip


def _department(site: Place) -> str | None:
    said = site.attributes.get("department")
    return str(said) if said else DEPARTMENTS.get(site.kind)
