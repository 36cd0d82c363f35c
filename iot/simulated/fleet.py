"""The fleet: which units a city has on duty, where they are at home and what they can do. The same for the same seed.

How many follows from what the stations say they have (`ambulances`, `engines`, `cars`, `vehicles` among their attributes) and
the share of it that is crewed and at the command centre's disposal. For six million people that is about two hundred, a third of
what the rule for cities asks for in ambulances alone (one for 30,000 residents: guidance on pre-hospital care, 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from domain.sensors import SensorKind
from domain.units import UnitKind
from gis_data.city import City, Place
from iot.payloads import Birth
from iot.simulated.chance import key
from iot.simulated.driving import Roads, underpass_arcs
from iot.simulated.patrols import Beat, beat_around

DOMAIN = "unit"
SPEAKS_EVERY_S = 30.0
"""How often a unit that stands says where it is; nobody speaks less often, so that this is the interval it announces."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One kind of unit: letter of its call signs, first word of its Chinese name, whose it is, the kinds of place at one of which
    it is at home (the first that the city has), which attribute says how many stand there and how many do if none does, the
    share of them on duty, and the capabilities that units have by turns."""

    kind: UnitKind
    letter: str
    word_zh: str
    department: str
    homes: tuple[str, ...]
    attribute: str
    usual: int
    share: float
    capabilities: tuple[tuple[str, ...], ...]


ARMS = (
    Arm(UnitKind.AMBULANCE, "A", "救护", "急救中心", ("ambulance_station",), "ambulances", 3, 0.75, (("ambulance",),)),
    Arm(
        UnitKind.FIRE_ENGINE, "E", "消防", "消防救援支队", ("fire_station",), "engines", 3, 0.6,
        (("engine", "rescue"), ("engine", "ladder"), ("engine", "hazmat")),
    ),
    Arm(UnitKind.POLICE_CAR, "P", "警", "公安局", ("police_station",), "cars", 5, 0.2, (("police",),)),
    Arm(
        UnitKind.FLOOD_RESCUE, "F", "排涝", "应急管理局", ("depot", "warehouse"), "vehicles", 6, 0.15, (("flood_rescue", "pump"),)
    ),
    Arm(
        UnitKind.ENGINEERING, "G", "抢修", "城市管理局", ("depot", "warehouse"), "vehicles", 6, 0.2,
        (("engineering", "power"), ("engineering", "gas")),
    ),
)  # fmt: skip

PATROLLING = (UnitKind.POLICE_CAR,)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A unit as it is: call sign (unit id), home, capabilities, its beat if it patrols, and for ambulances the nodes of the
    hospitals that take patients. `key` draws its chances."""

    device_id: str
    kind: UnitKind
    name_zh: str
    name_en: str
    capabilities: tuple[str, ...]
    department: str
    lon: float
    lat: float
    home_node: int
    key: int
    beat: Beat | None = None
    hospital_nodes: tuple[int, ...] = ()

    @property
    def unit_id(self) -> str:
        return self.device_id.rsplit("/", 1)[1]

    @property
    def district_code(self) -> str:
        return self.device_id.split("/", 1)[0]

    def birth(self, at: datetime) -> Birth:
        return Birth(
            id="birth", ts=at, type=SensorKind.UNIT.type_name, position=(self.lon, self.lat), kind=self.kind.value,
            name_zh=self.name_zh, name_en=self.name_en, capabilities=list(self.capabilities), department=self.department,
            interval_s=SPEAKS_EVERY_S,
        )  # fmt: skip


def muster(city: City, roads: Roads, seed: int) -> tuple[Vehicle, ...]:
    """The units of a city, station by station."""
    hospitals = tuple(roads.nearest(p.lon, p.lat) for p in city.places_of("hospital") if p.attributes.get("emergency", 1))
    travel_s = roads.free_s.copy()
    travel_s[[arc for arcs in underpass_arcs(city).values() for arc in arcs]] = np.inf
    dry = roads.driven_in(travel_s)
    return tuple(
        _vehicle(arm, number, home, roads, dry, seed, hospitals)
        for arm in ARMS
        for number, home in enumerate(_homes(city, arm), 1)
    )


def _homes(city: City, arm: Arm) -> list[Place]:
    """The home of every unit of an arm."""
    stations = next((found for kind in arm.homes if (found := city.places_of(kind))), ())
    return [
        station
        for station in stations
        if station.district_code
        for _ in range(max(1, round(arm.share * int(station.attributes.get(arm.attribute, arm.usual)))))
    ]


def _vehicle(arm: Arm, number: int, home: Place, roads: Roads, dry: Roads, seed: int, hospitals: tuple[int, ...]) -> Vehicle:
    call_sign = f"{arm.letter}{number:02d}"
    home_node, unit_key = roads.nearest(home.lon, home.lat), key(seed, "unit", call_sign)
    return Vehicle(
        f"{home.district_code}/{DOMAIN}/{home.id}/{call_sign}", arm.kind, f"{arm.word_zh}{call_sign}",
        f"{arm.kind.en.capitalize()} {call_sign}", arm.capabilities[number % len(arm.capabilities)], arm.department, home.lon,
        home.lat, home_node, unit_key, beat_around(dry, home_node, unit_key) if arm.kind in PATROLLING else None,
        hospitals if arm.kind is UnitKind.AMBULANCE else (),
    )  # fmt: skip
