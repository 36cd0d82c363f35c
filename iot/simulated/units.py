"""Units: vehicles that wait, patrol, obey orders and come home. One pure step: `advance(vehicle, state, now, commands, roads)`.

An order goes: accepted → turnout → on the road → at the scene → work → on the way home → available. An ambulance that has a
patient to carry goes on from the scene to the hospital that is quickest to reach and hands over there; all of that it reports as
`working`, which it is until it is free. Standing phases last as long as their tables say, drawn by the order's own id; driving
takes what the roads of the moment ask. Everything happens at its own time, however rarely `advance` is called, and follows from
the order, so that a unit that was switched off meanwhile can tell where it would be by now. Times in seconds since 1970 UTC.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto

import msgspec
from msgspec import Struct

from domain.units import UnitKind, UnitStatus
from gis_data.crs import to_wgs84
from iot.payloads import Ack, Event, Instant, Position, UnitTelemetry
from iot.simulated.chance import key, uniform
from iot.simulated.driving import Roads, Route
from iot.simulated.fleet import DOMAIN as DOMAIN
from iot.simulated.fleet import SPEAKS_EVERY_S
from iot.simulated.fleet import Vehicle as Vehicle
from iot.simulated.fleet import muster as muster
from iot.simulated.patrols import Beat

ACCEPTED, DECLINED = "accepted", "declined"

MOVING_EVERY_S, PATROL_EVERY_S = 1.0, 3.0
RETURN_PACE = 0.8
"""Share of the speed with lights and siren at which one drives home."""

Span = tuple[float, float]
"""Shortest and longest, in seconds."""

ON_THE_ROAD_S: Span = (2.0, 5.0)
"""Until a crew that is driving already has understood where to."""
ON_SCENE_S: Span = (20.0, 45.0)
TURNOUT_S: Mapping[UnitKind, Span] = {
    UnitKind.AMBULANCE: (25.0, 60.0), UnitKind.FIRE_ENGINE: (40.0, 80.0), UnitKind.POLICE_CAR: (5.0, 20.0),
    UnitKind.FLOOD_RESCUE: (60.0, 120.0), UnitKind.ENGINEERING: (60.0, 120.0),
}  # fmt: skip
WORKING_S: Mapping[UnitKind, Span] = {
    UnitKind.AMBULANCE: (240.0, 720.0), UnitKind.FIRE_ENGINE: (300.0, 1_200.0), UnitKind.POLICE_CAR: (300.0, 1_200.0),
    UnitKind.FLOOD_RESCUE: (900.0, 2_700.0), UnitKind.ENGINEERING: (900.0, 2_700.0),
}  # fmt: skip
HANDING_OVER_S: Span = (360.0, 900.0)
CARRIES_SHARE = 0.75
"""Turnout is of the order of the customary targets (60–80 s). At the scene and at the hospital our crews take about half of what
the units of a large fire department take (ambulances 17 and 32 min in the middle, engines 10 min, four of five ambulances carry
somebody: San Francisco, a week of January 2018), so that a demonstration shows whole operations."""

ORDERS_REMEMBERED = 200


class Phase(Enum):
    """What a unit is about, more finely than it says."""

    WAITING = auto()
    PATROLLING = auto()
    MOVING_UP = auto()
    TURNING_OUT = auto()
    RESPONDING = auto()
    ARRIVING = auto()
    WORKING = auto()
    CARRYING = auto()
    HANDING_OVER = auto()
    RETURNING = auto()


STATUS: Mapping[Phase, UnitStatus] = {
    Phase.WAITING: UnitStatus.AVAILABLE, Phase.PATROLLING: UnitStatus.AVAILABLE, Phase.MOVING_UP: UnitStatus.AVAILABLE,
    Phase.TURNING_OUT: UnitStatus.DISPATCHED,
    Phase.RESPONDING: UnitStatus.ENROUTE, Phase.ARRIVING: UnitStatus.ON_SCENE, Phase.WORKING: UnitStatus.WORKING,
    Phase.CARRYING: UnitStatus.WORKING, Phase.HANDING_OVER: UnitStatus.WORKING, Phase.RETURNING: UnitStatus.RETURNING,
}  # fmt: skip
POSITION_EVERY_S: Mapping[Phase, float] = {
    Phase.RESPONDING: MOVING_EVERY_S, Phase.CARRYING: MOVING_EVERY_S, Phase.RETURNING: PATROL_EVERY_S,
    Phase.PATROLLING: PATROL_EVERY_S, Phase.MOVING_UP: PATROL_EVERY_S,
}  # fmt: skip
"""How often a unit says where it is; who stands does so every SPEAKS_EVERY_S."""

CALLED_BACK = (Phase.TURNING_OUT, Phase.RESPONDING, Phase.ARRIVING, Phase.WORKING)
"""Phases in which a cancelled order is left; a patient on board is brought to hospital first."""


class Command(Struct, kw_only=True):
    """An order to a unit as it hears it: `dispatch` to a position, `cancel` of an order (none named: of its present one), or
    `stand_by` at a position, from where it is sent as from home until its next order is done."""

    id: str
    cmd: str
    incident: str | None = None
    position: Position | None = None
    crs: str = "EPSG:4326"
    expires: Instant | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class VehicleState:
    """What a unit is doing: a phase that ends at `until_s`, on a route that it has been driving since `set_out_s` at `pace` of
    its own speed (0: it stands at its beginning). `target` (degrees) is where the order leads, `said_s` when it last said where
    it is; `answers` are the commands it knows, with what it answered."""

    phase: Phase
    route: Route
    set_out_s: float
    until_s: float
    said_s: float
    pace: float = 0.0
    order_id: str | None = None
    target: Position | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> UnitStatus:
        return STATUS[self.phase]

    def driven_s(self, now_s: float) -> float:
        """Seconds of the route that are behind."""
        return (now_s - self.set_out_s) * self.pace


Said = tuple[str, Struct]
"""Kind of message and what it says."""


def at_home(vehicle: Vehicle, now_s: float, roads: Roads) -> VehicleState:
    """A unit on duty without an order: in the middle of its beat if it has one, else at home."""
    waiting = VehicleState(Phase.WAITING, roads.standing(vehicle.home_node), now_s, math.inf, now_s)
    return waiting if vehicle.beat is None else _on_beat(waiting, vehicle.beat, now_s)


def stands_s(vehicle: Vehicle, order_id: str | None, phase: Phase) -> float:
    """How long a phase lasts in which a unit stands on an order."""
    span_s = {
        Phase.TURNING_OUT: TURNOUT_S[vehicle.kind], Phase.ARRIVING: ON_SCENE_S, Phase.WORKING: WORKING_S[vehicle.kind],
        Phase.HANDING_OVER: HANDING_OVER_S,
    }[phase]  # fmt: skip
    return _between(span_s, _draw(vehicle, order_id, phase.name))


def carries_patient(vehicle: Vehicle, order_id: str | None) -> bool:
    """Whether an ambulance has somebody to bring to hospital."""
    return bool(vehicle.hospital_nodes) and _draw(vehicle, order_id, Phase.CARRYING.name) < CARRIES_SHARE


def first_words(state: VehicleState) -> list[Said]:
    """What a unit says when it comes on duty: its status and where it is."""
    return [_status(state, state.said_s), _position(state, state.said_s)]


def advance(
    vehicle: Vehicle, state: VehicleState, now_s: float, commands: Sequence[Command], roads: Roads
) -> tuple[VehicleState, list[Said]]:
    """The state at `now_s` and what the unit says meanwhile: answers, changes of status at the times they happened, a position
    when one is due."""
    said: list[Said] = []
    while state.until_s <= now_s:
        state = _next(vehicle, state, roads, said)
    for command in commands:
        state = _obeyed(vehicle, state, now_s, command, roads, said)
    if roads.closed and state.phase in (Phase.RESPONDING, Phase.CARRYING):
        state = _round_the_water(state, now_s, roads)
    if said or _is_due(vehicle, state, now_s):
        said.append(_position(state, now_s))
        state = replace(state, said_s=now_s)
    return state, said


def resumed(vehicle: Vehicle, last_said: Event, now_s: float, roads: Roads) -> VehicleState | None:
    """The state of a unit that was switched off on an order and finds its own last status, from before then, at the broker.

    It takes the order up where it was when it said so; `advance` then says what has come to pass since. Where it set out from is
    not in its word: it is taken to have been on its beat or at home. None when the word leaves no order to go on with.
    """
    if last_said.order is None or last_said.position is None:
        return None
    then_s, order_id = last_said.ts.timestamp(), last_said.order
    there = roads.standing(roads.nearest(*last_said.position))
    state = replace(
        at_home(vehicle, then_s, roads), said_s=now_s, order_id=order_id, target=last_said.position, answers={order_id: ACCEPTED}
    )
    match last_said.status:
        case UnitStatus.DISPATCHED.value:
            return _turning_out(vehicle, state, then_s, roads)
        case UnitStatus.ENROUTE.value:
            return _setting_out(state, then_s, roads)
        case UnitStatus.ON_SCENE.value:
            return _standing(vehicle, state, Phase.ARRIVING, then_s, there)
        case UnitStatus.WORKING.value:
            return _standing(vehicle, state, Phase.WORKING, then_s, there)
        case _:
            return None


def after_restart(last_said: Event, now_s: float) -> list[Said]:
    """What a unit says that finds itself on an order which it cannot take up again: that it has left it, so that nobody waits."""
    if last_said.order is None or last_said.status in (None, UnitStatus.AVAILABLE.value, UnitStatus.RETURNING.value):
        return []
    return [_event(now_s, UnitStatus.RETURNING, last_said.order), _event(now_s + 0.001, UnitStatus.AVAILABLE, None)]


def _next(vehicle: Vehicle, state: VehicleState, roads: Roads, said: list[Said]) -> VehicleState:
    """The phase that follows the present one, from its end on."""
    then_s, here = state.until_s, roads.standing(state.route.end_node)
    match state.phase:
        case Phase.TURNING_OUT:
            then = _setting_out(state, then_s, roads)
        case Phase.RESPONDING:
            then = _standing(vehicle, state, Phase.ARRIVING, then_s, here)
        case Phase.ARRIVING:
            then = _standing(vehicle, state, Phase.WORKING, then_s, here)
        case Phase.WORKING:
            then = _carrying(vehicle, state, then_s, roads) or _homeward(vehicle, state, then_s, roads)
        case Phase.CARRYING:
            then = _standing(vehicle, state, Phase.HANDING_OVER, then_s, here)
        case Phase.HANDING_OVER:
            then = _homeward(vehicle, state, then_s, roads)
        case Phase.RETURNING:
            then = _home_again(vehicle, state, then_s, roads)
        case Phase.MOVING_UP:
            then = replace(state, phase=Phase.WAITING, route=here, set_out_s=then_s, until_s=math.inf, pace=0.0)
        case Phase.WAITING | Phase.PATROLLING:
            assert vehicle.beat is not None, "only a unit with a beat has something to wait for"
            then = _on_beat(state, vehicle.beat, then_s)
    if then.status is not state.status:
        said.append(_status(then, then_s))
    return then


def _obeyed(
    vehicle: Vehicle, state: VehicleState, now_s: float, command: Command, roads: Roads, said: list[Said]
) -> VehicleState:
    if command.id in state.answers:
        said.append(_answer(now_s, command.id, state.answers[command.id]))
        return state
    then: VehicleState | None = None
    match command.cmd:
        case "dispatch":
            then = _dispatched(vehicle, state, now_s, command, roads)
        case "cancel":
            then = _cancelled(vehicle, state, now_s, command, roads)
        case "stand_by":
            then = _moved_up(vehicle, state, now_s, command, roads)
    result = DECLINED if then is None else ACCEPTED
    said.append(_answer(now_s, command.id, result))
    if then is not None:
        said.append(_status(then, now_s))
    remembered = dict(list(state.answers.items())[-ORDERS_REMEMBERED + 1 :])
    return replace(then or state, answers={**remembered, command.id: result})


def _dispatched(vehicle: Vehicle, state: VehicleState, now_s: float, order: Command, roads: Roads) -> VehicleState | None:
    """Turning out, or None when the order has lapsed, the unit is busy or no road leads there."""
    is_free = state.status in (UnitStatus.AVAILABLE, UnitStatus.RETURNING)
    has_lapsed = order.expires is not None and order.expires.timestamp() < now_s
    if not is_free or has_lapsed or order.position is None:
        return None
    try:
        lon, lat = map(float, to_wgs84(*order.position, order.crs))
    except ValueError:
        return None
    if roads.rerouted(state.route, state.driven_s(now_s), roads.nearest(lon, lat)) is None:
        return None
    return _turning_out(vehicle, replace(state, order_id=order.id, target=(round(lon, 6), round(lat, 6))), now_s, roads)


def _moved_up(vehicle: Vehicle, state: VehicleState, now_s: float, call: Command, roads: Roads) -> VehicleState | None:
    """On the way to another base, or None when the command has lapsed, no road leads there, or the unit has something to do: an
    order, or a beat."""
    has_lapsed = call.expires is not None and call.expires.timestamp() < now_s
    if state.phase not in (Phase.WAITING, Phase.MOVING_UP, Phase.RETURNING) or vehicle.beat is not None or has_lapsed:
        return None
    if call.position is None:
        return None
    try:
        lon, lat = map(float, to_wgs84(*call.position, call.crs))
    except ValueError:
        return None
    route = roads.rerouted(state.route, state.driven_s(now_s), roads.nearest(lon, lat))
    if route is None:
        return None
    return replace(_driving(state, Phase.MOVING_UP, now_s, route, RETURN_PACE), order_id=None, target=None)


def _cancelled(vehicle: Vehicle, state: VehicleState, now_s: float, call: Command, roads: Roads) -> VehicleState | None:
    """Turned round, or None when there is nothing to leave."""
    if state.phase not in CALLED_BACK or call.order not in (None, state.order_id):
        return None
    return _homeward(vehicle, state, now_s, roads)


def _turning_out(vehicle: Vehicle, state: VehicleState, then_s: float, roads: Roads) -> VehicleState:
    """Getting ready; whoever is on the road goes on along it for these seconds."""
    driven_s = state.driven_s(then_s)
    if state.pace > 0 and state.route.at(driven_s).speed_kmh > 0:
        until_s = then_s + _between(ON_THE_ROAD_S, _draw(vehicle, state.order_id, Phase.TURNING_OUT.name))
        return replace(state, phase=Phase.TURNING_OUT, until_s=until_s)
    here = roads.standing(state.route.last_node(driven_s))
    return _standing(vehicle, state, Phase.TURNING_OUT, then_s, here)


def _setting_out(state: VehicleState, then_s: float, roads: Roads) -> VehicleState:
    assert state.target is not None, "an order leads somewhere"
    goal = roads.nearest(*state.target)
    route = roads.rerouted(state.route, state.driven_s(then_s), goal) or roads.standing(goal)
    return _driving(state, Phase.RESPONDING, then_s, route, 1.0)


def _carrying(vehicle: Vehicle, state: VehicleState, then_s: float, roads: Roads) -> VehicleState | None:
    """On the way to the hospital that is quickest to reach; None when there is nobody to carry or no hospital to reach."""
    if not carries_patient(vehicle, state.order_id):
        return None
    seconds = roads.seconds([state.route.end_node])[0][list(vehicle.hospital_nodes)]
    route = roads.route(state.route.end_node, vehicle.hospital_nodes[int(seconds.argmin())])
    return None if route is None else _driving(state, Phase.CARRYING, then_s, route, 1.0)


def _homeward(vehicle: Vehicle, state: VehicleState, then_s: float, roads: Roads) -> VehicleState:
    route = roads.rerouted(state.route, state.driven_s(then_s), vehicle.home_node) or roads.standing(vehicle.home_node)
    return replace(_driving(state, Phase.RETURNING, then_s, route, RETURN_PACE), target=None)


def _home_again(vehicle: Vehicle, state: VehicleState, then_s: float, roads: Roads) -> VehicleState:
    """Waiting at home, for a patrol until the next round of its beat sets out."""
    until_s = math.inf if vehicle.beat is None else vehicle.beat.next_round_s(then_s)
    home = roads.standing(vehicle.home_node)
    return replace(state, phase=Phase.WAITING, route=home, set_out_s=then_s, until_s=until_s, pace=0.0, order_id=None)


def _on_beat(state: VehicleState, beat: Beat, then_s: float) -> VehicleState:
    began_s = beat.began_s(then_s + 0.001)  # the end of a beat is the beginning of the next
    until_s = began_s + beat.period_s
    return replace(state, phase=Phase.PATROLLING, route=beat.route, set_out_s=began_s, until_s=until_s, pace=1.0, order_id=None)


def _round_the_water(state: VehicleState, now_s: float, roads: Roads) -> VehicleState:
    """On another way, if there is one, when the present one leads through water that came after it was chosen."""
    driven_s = state.driven_s(now_s)
    if roads.closed.isdisjoint(state.route.arcs_ahead(driven_s).tolist()):
        return state
    route = roads.rerouted(state.route, driven_s, state.route.end_node)
    return state if route is None else _driving(state, state.phase, now_s, route, state.pace)


def _driving(state: VehicleState, phase: Phase, then_s: float, route: Route, pace: float) -> VehicleState:
    return replace(state, phase=phase, route=route, set_out_s=then_s, until_s=then_s + route.travel_s / pace, pace=pace)


def _standing(vehicle: Vehicle, state: VehicleState, phase: Phase, then_s: float, here: Route) -> VehicleState:
    until_s = then_s + stands_s(vehicle, state.order_id, phase)
    return replace(state, phase=phase, route=here, set_out_s=then_s, until_s=until_s, pace=0.0)


def _is_due(vehicle: Vehicle, state: VehicleState, now_s: float) -> bool:
    """Whether a moment has passed at which the unit says where it is. Each has its own, so that they do not speak at once."""
    every_s = POSITION_EVERY_S.get(state.phase, SPEAKS_EVERY_S)
    offset = vehicle.key % 1_024 / 1_024
    return math.floor(now_s / every_s - offset) > math.floor(state.said_s / every_s - offset)


def _draw(vehicle: Vehicle, order_id: str | None, what: str) -> float:
    """Uniform in (0, 1), the same whenever this unit asks this of this order."""
    return float(uniform(key(vehicle.key, str(order_id), what), 0))


def _between(span_s: Span, draw: float) -> float:
    return span_s[0] + draw * (span_s[1] - span_s[0])


def _status(state: VehicleState, at_s: float) -> Said:
    """A status carries, beside its order, where that leads: all that a unit needs to take it up again (`resumed`)."""
    return _event(at_s, state.status, state.order_id, state.target)


def _event(at_s: float, status: UnitStatus, order_id: str | None, target: Position | None = None) -> Said:
    return "event", Event(
        id=f"{status.value}-{round(at_s * 1000)}", ts=_time(at_s), event="status", status=status.value, order=order_id,
        position=target,
    )  # fmt: skip


def _position(state: VehicleState, at_s: float) -> Said:
    at = state.route.at(state.driven_s(at_s))
    return "telemetry", UnitTelemetry(
        id=f"p{round(at_s * 1000)}", ts=_time(at_s), position=(round(at.lon, 6), round(at.lat, 6)),
        speed_kmh=round(at.speed_kmh * state.pace, 1), heading=round(at.heading_deg, 1),
    )  # fmt: skip


def _answer(at_s: float, command_id: str, result: str) -> Said:
    return "ack", Ack(id=f"ack-{command_id}-{round(at_s * 1000)}", ts=_time(at_s), ack=command_id, result=result)


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(round(at_s, 3), UTC)


def decode_command(payload: bytes) -> Command:
    """Raises msgspec.DecodeError for what is no command."""
    return msgspec.json.decode(payload, type=Command)
