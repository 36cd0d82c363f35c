"""Units: vehicles that wait, patrol, obey orders and come home. One pure step: `advance(vehicle, state, now, commands, roads)`.

Operation: order accepted → turnout → en route → on scene → working → returning → available. Travel is at free speed on the way
to an incident and slower otherwise; standing phases last as long as their tables say, drawn by the order's own id. Times in
seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import msgspec
from msgspec import Struct

from domain.sensors import SensorKind
from domain.units import UnitKind, UnitStatus
from gis_data.city import City, Place
from gis_data.crs import to_wgs84
from iot.payloads import Ack, Birth, Event, Instant, Position, UnitTelemetry
from iot.simulated.chance import key, uniform
from iot.simulated.driving import Roads, Route

DOMAIN = "unit"
ACCEPTED, DECLINED = "accepted", "declined"

MOVING_EVERY_S, STANDING_EVERY_S = 1.0, 10.0
RETURN_PACE, PATROL_PACE = 0.8, 0.6
"""Shares of the free speed at which one drives without an order."""

PATROL_RADIUS_M = 2_500.0
PATROL_STOP_S = (15.0, 75.0)
ON_SCENE_S = (20.0, 45.0)
TURNOUT_S = {
    UnitKind.AMBULANCE: (25.0, 60.0), UnitKind.FIRE_ENGINE: (40.0, 80.0), UnitKind.POLICE_CAR: (5.0, 20.0),
    UnitKind.FLOOD_RESCUE: (60.0, 120.0), UnitKind.ENGINEERING: (60.0, 120.0),
}  # fmt: skip
WORKING_S = {
    UnitKind.AMBULANCE: (180.0, 420.0), UnitKind.FIRE_ENGINE: (240.0, 720.0), UnitKind.POLICE_CAR: (180.0, 480.0),
    UnitKind.FLOOD_RESCUE: (420.0, 900.0), UnitKind.ENGINEERING: (420.0, 900.0),
}  # fmt: skip
"""Shortest and longest. Turnout is of the order of the customary targets (60–80 s); work is shortened for a demonstration."""

PATROLLING = (UnitKind.POLICE_CAR, UnitKind.ENGINEERING)
ORDERS_REMEMBERED = 200

FLEET: tuple[tuple[UnitKind, str, int, str, str, tuple[str, ...], str], ...] = (
    (UnitKind.AMBULANCE, "A", 16, "ambulance_station", "救护", ("ambulance",), "急救中心"),
    (UnitKind.FIRE_ENGINE, "E", 14, "fire_station", "消防", ("engine", "rescue"), "消防救援支队"),
    (UnitKind.POLICE_CAR, "P", 16, "police_station", "警", ("police",), "公安局"),
    (UnitKind.FLOOD_RESCUE, "F", 5, "warehouse", "排涝", ("flood_rescue", "pump"), "应急管理局"),
    (UnitKind.ENGINEERING, "G", 5, "warehouse", "抢修", ("engineering", "power", "gas"), "城市管理局"),
)
"""Kind, letter of the call sign, how many, where they are at home, first word of the Chinese name, capabilities, department."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A unit as it is: call sign (unit id), home, capabilities. `key` draws its chances."""

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
            interval_s=STANDING_EVERY_S,
        )  # fmt: skip


class Command(Struct, kw_only=True):
    """An order to a unit as it hears it: `dispatch` to a position, or `cancel` of an order (none named: of its present one)."""

    id: str
    cmd: str
    incident: str | None = None
    position: Position | None = None
    crs: str = "EPSG:4326"
    expires: Instant | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class VehicleState:
    """What a unit is doing. It drives `route` at `pace` of free speed, `driven_s` of it are behind; with the route at its end it
    stands until `until_s`. `answers` are the commands it knows, with what it answered."""

    status: UnitStatus
    route: Route
    driven_s: float
    pace: float
    until_s: float
    now_s: float
    order_id: str | None = None
    said_s: float = 0.0
    patrols: int = 0
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_moving(self) -> bool:
        return self.pace > 0 and self.driven_s < self.route.travel_s


Said = tuple[str, Struct]
"""Kind of message and what it says."""


def muster(city: City, roads: Roads, seed: int) -> tuple[Vehicle, ...]:
    """The units of a city, spread over their stations."""
    vehicles = []
    for kind, letter, wanted, home_kind, word, capabilities, department in FLEET:
        homes = [place for place in city.places_of(home_kind) if place.district_code]
        for k in range(min(wanted, 2 * len(homes))):
            home: Place = homes[k * len(homes) // wanted] if wanted <= len(homes) else homes[k % len(homes)]
            call_sign = f"{letter}{k + 1:02d}"
            vehicles.append(
                Vehicle(
                    f"{home.district_code}/{DOMAIN}/{home.id}/{call_sign}", kind, f"{word}{call_sign}",
                    f"{kind.en.capitalize()} {call_sign}", capabilities, department, home.lon, home.lat,
                    roads.nearest(home.lon, home.lat), key(seed, "unit", call_sign),
                )
            )  # fmt: skip
    return tuple(vehicles)


def at_home(vehicle: Vehicle, now_s: float, roads: Roads) -> VehicleState:
    """A unit that has just come on duty; patrols leave one after another."""
    leaves_s = now_s + 30 * float(uniform(vehicle.key, 0))
    return VehicleState(UnitStatus.AVAILABLE, roads.standing(vehicle.home_node), 0.0, 1.0, leaves_s, now_s)


def first_words(state: VehicleState) -> list[Said]:
    """What a unit says when it comes on duty: its status and where it is."""
    return [_status(state), _position(state)]


def advance(
    vehicle: Vehicle, state: VehicleState, now_s: float, commands: Sequence[Command], roads: Roads
) -> tuple[VehicleState, list[Said]]:
    """The state at `now_s` and what the unit says meanwhile: answers, changes of status, positions when they are due."""
    said: list[Said] = []
    driven_s = min(state.driven_s + (now_s - state.now_s) * state.pace, state.route.travel_s)
    state = replace(state, driven_s=driven_s, now_s=now_s)
    for command in commands:
        state = _obey(vehicle, state, command, roads, said)
    state = _proceed(vehicle, state, roads, said)
    every_s = MOVING_EVERY_S if state.is_moving else STANDING_EVERY_S
    if said or now_s - state.said_s >= every_s - 0.01:
        said.append(_position(state))
        state = replace(state, said_s=now_s)
    return state, said


def after_restart(last_said: Event, now_s: float) -> list[Said]:
    """A unit that finds its own last word, said before it was switched off, and was on an order then: it says that it has left
    it, so that nobody waits for it."""
    if last_said.order is None or last_said.status in (None, UnitStatus.AVAILABLE.value, UnitStatus.RETURNING.value):
        return []
    return [_event(now_s, UnitStatus.RETURNING, last_said.order), _event(now_s + 0.001, UnitStatus.AVAILABLE, None)]


def _obey(vehicle: Vehicle, state: VehicleState, command: Command, roads: Roads, said: list[Said]) -> VehicleState:
    answer = partial(_answer, state.now_s, command.id)
    if command.id in state.answers:
        said.append(answer(state.answers[command.id]))
        return state
    then: list[Said] = []
    match command.cmd:
        case "dispatch":
            result, state = _dispatched(vehicle, state, command, roads, then)
        case "cancel":
            result, state = _cancelled(vehicle, state, command, roads, then)
        case _:
            result = DECLINED
    said += [answer(result), *then]
    remembered = dict(list(state.answers.items())[-ORDERS_REMEMBERED + 1 :])
    return replace(state, answers={**remembered, command.id: result})


def _dispatched(
    vehicle: Vehicle, state: VehicleState, order: Command, roads: Roads, said: list[Said]
) -> tuple[str, VehicleState]:
    """Accepted unless the order has lapsed, the unit is busy or no road leads there."""
    is_free = state.status in (UnitStatus.AVAILABLE, UnitStatus.RETURNING)
    has_lapsed = order.expires is not None and order.expires.timestamp() < state.now_s
    if not is_free or has_lapsed or order.position is None:
        return DECLINED, state
    try:
        lon, lat = map(float, to_wgs84(*order.position, order.crs))
    except ValueError:
        return DECLINED, state
    route = roads.rerouted(state.route, state.driven_s, roads.nearest(lon, lat))
    if route is None:
        return DECLINED, state
    # Whoever is already on the road needs no turnout.
    turnout_s = 0.0 if state.is_moving else _drawn_s(TURNOUT_S[vehicle.kind], vehicle.key, order.id, "turnout")
    until_s = state.now_s + turnout_s
    state = replace(state, status=UnitStatus.DISPATCHED, order_id=order.id, route=route, driven_s=0.0, pace=0.0, until_s=until_s)
    return ACCEPTED, _turned(state, said)


def _cancelled(
    vehicle: Vehicle, state: VehicleState, command: Command, roads: Roads, said: list[Said]
) -> tuple[str, VehicleState]:
    is_on_order = state.order_id is not None and state.status is not UnitStatus.RETURNING
    if not is_on_order or command.order not in (None, state.order_id):
        return DECLINED, state
    return ACCEPTED, _return(vehicle, state, roads, said)


def _proceed(vehicle: Vehicle, state: VehicleState, roads: Roads, said: list[Said]) -> VehicleState:
    """The next phase, when the present one is over."""
    is_waiting = state.now_s < state.until_s
    match state.status:
        case UnitStatus.DISPATCHED if not is_waiting:
            return _turned(replace(state, status=UnitStatus.ENROUTE, pace=1.0), said)
        case UnitStatus.ENROUTE if not state.is_moving:
            until_s = state.now_s + _drawn_s(ON_SCENE_S, vehicle.key, state.order_id, "on scene")
            return _turned(replace(state, status=UnitStatus.ON_SCENE, until_s=until_s), said)
        case UnitStatus.ON_SCENE if not is_waiting:
            until_s = state.now_s + _drawn_s(WORKING_S[vehicle.kind], vehicle.key, state.order_id, "working")
            return _turned(replace(state, status=UnitStatus.WORKING, until_s=until_s), said)
        case UnitStatus.WORKING if not is_waiting:
            return _return(vehicle, state, roads, said)
        case UnitStatus.RETURNING if not state.is_moving:
            return _turned(replace(state, status=UnitStatus.AVAILABLE, order_id=None, until_s=state.now_s + 120), said)
        case UnitStatus.AVAILABLE if vehicle.kind in PATROLLING and not state.is_moving and not is_waiting:
            return _patrol(vehicle, state, roads)
        case _:
            return state


def _return(vehicle: Vehicle, state: VehicleState, roads: Roads, said: list[Said]) -> VehicleState:
    route = roads.rerouted(state.route, state.driven_s, vehicle.home_node) or roads.standing(vehicle.home_node)
    return _turned(replace(state, status=UnitStatus.RETURNING, route=route, driven_s=0.0, pace=RETURN_PACE), said)


def _patrol(vehicle: Vehicle, state: VehicleState, roads: Roads) -> VehicleState:
    """On to another corner of the beat, with a stop there."""
    beat = roads.within(vehicle.home_node, PATROL_RADIUS_M)
    n = 2 * state.patrols
    goal = beat[int(float(uniform(vehicle.key, n + 1)) * len(beat))]
    route = roads.rerouted(state.route, state.driven_s, goal) or state.route
    stop_s = PATROL_STOP_S[0] + float(uniform(vehicle.key, n + 2)) * (PATROL_STOP_S[1] - PATROL_STOP_S[0])
    until_s = state.now_s + route.travel_s / PATROL_PACE + stop_s
    return replace(state, route=route, driven_s=0.0, pace=PATROL_PACE, until_s=until_s, patrols=state.patrols + 1)


def _turned(state: VehicleState, said: list[Said]) -> VehicleState:
    said.append(_status(state))
    return state


def _drawn_s(span_s: tuple[float, float], *words: int | str | None) -> float:
    return span_s[0] + float(uniform(key(*map(str, words)), 0)) * (span_s[1] - span_s[0])


def _status(state: VehicleState) -> Said:
    return _event(state.now_s, state.status, state.order_id)


def _event(now_s: float, status: UnitStatus, order_id: str | None) -> Said:
    return "event", Event(
        id=f"{status.value}-{round(now_s * 1000)}", ts=_time(now_s), event="status", status=status.value, order=order_id
    )


def _position(state: VehicleState) -> Said:
    at = state.route.at(state.driven_s)
    speed_kmh = at.speed_kmh * state.pace if state.is_moving else 0.0
    return "telemetry", UnitTelemetry(
        id=f"p{round(state.now_s * 1000)}", ts=_time(state.now_s), position=(round(at.lon, 6), round(at.lat, 6)),
        speed_kmh=round(speed_kmh, 1), heading=round(at.heading_deg, 1),
    )  # fmt: skip


def _answer(now_s: float, command_id: str, result: str) -> Said:
    return "ack", Ack(id=f"ack-{command_id}-{round(now_s * 1000)}", ts=_time(now_s), ack=command_id, result=result)


def _time(now_s: float) -> datetime:
    return datetime.fromtimestamp(round(now_s, 3), UTC)


def decode_command(payload: bytes) -> Command:
    """Raises msgspec.DecodeError for what is no command."""
    return msgspec.json.decode(payload, type=Command)
