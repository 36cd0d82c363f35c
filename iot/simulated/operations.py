"""Operations of the past: the incidents that were reported, who was sent to them and how it went.

Somebody sent the nearest free units a minute or two after each report, as many as class and gravity ask for; turnout, work and
handing over last as they do for the same order in the live city (iot.simulated.units), and driving takes the graph's time at the
speed that traffic and rain left. Units set out from home. What would not be over by the end is left for the living: such
incidents have been reported and nobody has been sent. Times in seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from domain.incidents import incident_id_of
from domain.units import UnitKind, UnitStatus
from gis_data.city import City
from iot.payloads import Ack, DispatchCommand, Event
from iot.simulated.calls import Callers
from iot.simulated.chance import key, uniform
from iot.simulated.driving import Roads, share_of_free_speed
from iot.simulated.fleet import Vehicle, muster
from iot.simulated.rhythm import local_time
from iot.simulated.telling import Call
from iot.simulated.units import ACCEPTED, RETURN_PACE, Phase, carries_patient, stands_s
from iot.simulated.weather import DAY_S, Weather
from iot.topics import COMMAND

HANDLED_IN_S = (45.0, 150.0)
"""From report to order: questions asked, unit chosen."""
HEARS_AFTER_S, ANSWERS_AFTER_S, UNDER_WAY_S = 0.5, 0.6, 0.5
SPEEDS_EVERY_S = 600.0
LONGEST_S = 3 * 3_600.0

Crew = tuple[tuple[UnitKind, int], ...]
AMBULANCE, POLICE = (UnitKind.AMBULANCE, 1), (UnitKind.POLICE_CAR, 1)
NEEDS: Mapping[str, tuple[Crew, Crew, Crew]] = {
    "medical": ((AMBULANCE,), (AMBULANCE,), (AMBULANCE,)),
    "traffic_accident": ((POLICE,), (POLICE, AMBULANCE), (POLICE, AMBULANCE, (UnitKind.FIRE_ENGINE, 1))),
    "traffic_hazard": ((POLICE,), (POLICE,), (POLICE, (UnitKind.ENGINEERING, 1))),
    "fire": (((UnitKind.FIRE_ENGINE, 1),), ((UnitKind.FIRE_ENGINE, 2), POLICE), ((UnitKind.FIRE_ENGINE, 4), POLICE, AMBULANCE)),
    "gas_leak": (((UnitKind.FIRE_ENGINE, 1),), ((UnitKind.FIRE_ENGINE, 1), (UnitKind.ENGINEERING, 1)),
                 ((UnitKind.FIRE_ENGINE, 2), (UnitKind.ENGINEERING, 1), AMBULANCE)),
    "waterlogging": (((UnitKind.FLOOD_RESCUE, 1),), ((UnitKind.FLOOD_RESCUE, 1), POLICE), ((UnitKind.FLOOD_RESCUE, 2), POLICE)),
    "power_failure": (((UnitKind.ENGINEERING, 1),),) * 3,
    "crowd": ((POLICE,), ((UnitKind.POLICE_CAR, 2),), ((UnitKind.POLICE_CAR, 3), AMBULANCE)),
    "other": (((UnitKind.ENGINEERING, 1),), ((UnitKind.FIRE_ENGINE, 1),), ((UnitKind.FIRE_ENGINE, 2), AMBULANCE)),
}  # fmt: skip
"""Who is sent, for severity 4, 3, and 2 or 1."""


@dataclass(frozen=True, slots=True)
class Sortie:
    """A unit sent to an incident: the order, when it was issued, and since when the unit was in each status."""

    vehicle: Vehicle
    order_id: str
    issued_s: float
    since_s: Mapping[UnitStatus, float]

    @property
    def free_s(self) -> float:
        return self.since_s[UnitStatus.AVAILABLE]


@dataclass(frozen=True, slots=True)
class Operation:
    """An incident as it was reported, and the sorties to it; none where nobody has been sent yet."""

    call: Call
    sorties: tuple[Sortie, ...]

    @property
    def incident_id(self) -> str:
        """As the ingester makes it of desk and number."""
        return incident_id_of(self.call.device_id, self.call.event.id)


Message = tuple[float, str, str, Struct]
"""When it is received, device, kind, what it says."""


def operations(city: City, seed: int, start: datetime, end: datetime) -> Iterator[Operation]:
    """The operations of a span in the order of their reports."""
    return _Past(city, seed).operations(start.timestamp(), end.timestamp())


class _Past:
    """The city as it always was."""

    def __init__(self, city: City, seed: int) -> None:
        self._weather, self._roads = Weather(seed, ZoneInfo(city.zone)), Roads(city)
        self.fleet = muster(city, self._roads, seed)
        self._callers = Callers(city, self._roads, self._weather)

    def operations(self, start_s: float, end_s: float) -> Iterator[Operation]:
        control_room = _ControlRoom(self.fleet, self._roads, self._weather, start_s, end_s)
        for began_s in np.arange(start_s, end_s, DAY_S).tolist():
            for call in self._callers.incidents(began_s, min(began_s + DAY_S, end_s)):
                yield Operation(call, control_room.sent_to(call))


class _ControlRoom:
    """Who is free, and how long everybody would need to anywhere."""

    def __init__(self, fleet: tuple[Vehicle, ...], roads: Roads, weather: Weather, start_s: float, end_s: float) -> None:
        self._roads, self._start_s, self._end_s = roads, start_s, end_s
        self._units = {kind: [vehicle for vehicle in fleet if vehicle.kind is kind] for kind in UnitKind}
        homes = sorted({vehicle.home_node for vehicle in fleet})
        self._home_row = {node: row for row, node in enumerate(homes)}
        self._from_home_s = roads.seconds(homes)
        self._rows = {kind: np.array([self._home_row[v.home_node] for v in units]) for kind, units in self._units.items()}
        self._hospitals = next((list(v.hospital_nodes) for v in fleet if v.hospital_nodes), [])
        self._from_hospital_s = roads.seconds(self._hospitals) if self._hospitals else np.zeros((0, 0))
        self._free_s = {kind: np.full(len(units), -np.inf) for kind, units in self._units.items()}
        moments = np.arange(start_s, end_s + LONGEST_S, SPEEDS_EVERY_S)
        self._share = share_of_free_speed(local_time(moments, weather.zone), weather.spell_mm_h(moments))

    def sent_to(self, call: Call) -> tuple[Sortie, ...]:
        """The sorties to an incident; none when they would not be over in time."""
        event = call.event
        assert event.position is not None
        node, reported_s = self._roads.nearest(*event.position), event.ts.timestamp()
        issued_s = round(reported_s + HANDLED_IN_S[0] + (HANDLED_IN_S[1] - HANDLED_IN_S[0]) * _draw(event.id), 3)
        crew = NEEDS.get(event.class_ or "", NEEDS["other"])[{4: 0, 3: 1}.get(event.severity or 3, 2)]
        chosen: list[tuple[UnitKind, int, Sortie]] = []
        for kind in (kind for kind, n in crew for _ in range(n)):
            taken = [k for of, k, _ in chosen if of is kind]
            found = self._nearest_free(kind, node, issued_s, taken)
            if found is not None:
                order_id = f"o-{event.id}-{len(chosen) + 1}"
                sortie = self._sortie(
                    self._units[kind][found], order_id, node, max(issued_s, float(self._free_s[kind][found]) + 1)
                )
                chosen.append((kind, found, sortie))
        if not all(sortie.free_s + UNDER_WAY_S < self._end_s for _, _, sortie in chosen):
            return ()
        for kind, k, sortie in chosen:
            self._free_s[kind][k] = sortie.free_s
        return tuple(sortie for _, _, sortie in chosen)

    def _nearest_free(self, kind: UnitKind, node: int, at_s: float, taken: list[int]) -> int | None:
        """The unit of a kind that is there first, whether it is free or soon will be; None where none can come."""
        if not self._units[kind]:
            return None
        there_s = self._from_home_s[self._rows[kind], node] + np.maximum(self._free_s[kind] - at_s, 0)
        there_s[taken] = np.inf
        k = int(there_s.argmin())
        return k if np.isfinite(there_s[k]) else None

    def _sortie(self, vehicle: Vehicle, order_id: str, node: int, issued_s: float) -> Sortie:
        home = self._from_home_s[self._home_row[vehicle.home_node]]
        dispatched_s = issued_s + HEARS_AFTER_S
        enroute_s = dispatched_s + stands_s(vehicle, order_id, Phase.TURNING_OUT)
        on_scene_s = enroute_s + self._driven_s(float(home[node]), enroute_s)
        working_s = on_scene_s + stands_s(vehicle, order_id, Phase.ARRIVING)
        returning_s, from_node = working_s + stands_s(vehicle, order_id, Phase.WORKING), node
        if carries_patient(vehicle, order_id):
            to_hospitals_s = self._from_hospital_s[:, node]
            nearest = int(to_hospitals_s.argmin())
            if np.isfinite(to_hospitals_s[nearest]):
                returning_s += self._driven_s(float(to_hospitals_s[nearest]), returning_s)
                returning_s += stands_s(vehicle, order_id, Phase.HANDING_OVER)
                from_node = self._hospitals[nearest]
        available_s = returning_s + self._driven_s(float(home[from_node]) / RETURN_PACE, returning_s)
        return Sortie(vehicle, order_id, issued_s, {
            UnitStatus.DISPATCHED: dispatched_s, UnitStatus.ENROUTE: enroute_s, UnitStatus.ON_SCENE: on_scene_s,
            UnitStatus.WORKING: working_s, UnitStatus.RETURNING: returning_s, UnitStatus.AVAILABLE: available_s,
        })  # fmt: skip

    def _driven_s(self, free_s: float, at_s: float) -> float:
        """Seconds for a way at the speed of the moment; streets are as quick back as there."""
        k = min(int((at_s - self._start_s) / SPEEDS_EVERY_S), len(self._share) - 1)
        return free_s / float(self._share[k])


def messages_of(operation: Operation, *, order_expiry_s: float) -> Iterator[Message]:
    """What was said in an operation: the report of the incident, and for every sortie the command (kind `cmd`, from us;
    unanswered it would have lapsed after `order_expiry_s`), the unit's answer and its statuses."""
    call = operation.call
    yield call.event.ts.timestamp() + UNDER_WAY_S, call.device_id, "event", call.event
    assert call.event.position is not None
    for sortie in operation.sorties:
        device_id, issued_s = sortie.vehicle.device_id, sortie.issued_s
        command = DispatchCommand(
            id=sortie.order_id, ts=_time(issued_s), incident=operation.incident_id, position=call.event.position,
            expires=_time(issued_s + order_expiry_s),
        )  # fmt: skip
        yield issued_s, device_id, COMMAND, command
        answered_s = issued_s + ANSWERS_AFTER_S
        answer = Ack(id=f"ack-{sortie.order_id}", ts=_time(answered_s), ack=sortie.order_id, result=ACCEPTED)
        yield answered_s + UNDER_WAY_S, device_id, "ack", answer
        for status, since_s in sortie.since_s.items():
            is_on_order = status is not UnitStatus.AVAILABLE
            said = Event(
                id=f"{status.value}-{round(since_s * 1000)}", ts=_time(since_s), event="status", status=status.value,
                order=sortie.order_id if is_on_order else None,
            )  # fmt: skip
            yield since_s + UNDER_WAY_S, device_id, "event", said


def _draw(*words: str) -> float:
    return float(uniform(key(*words), 0))


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(round(at_s, 3), UTC)
