"""Units: what they do with an order, how they drive, what they answer. No broker, no clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from domain.batches import Report
from domain.observations import freshness
from domain.units import CommandAck, UnitKind, UnitPosition, UnitStatus, UnitStatusReport
from gis_data.city import City, Place
from ingest.parse import parse
from iot.payloads import DispatchCommand, Event, StandByCommand, encode
from iot.plane import distance_m
from iot.simulated.driving import Roads
from iot.simulated.fleet import SPEAKS_EVERY_S, Vehicle, muster
from iot.simulated.units import (
    ACCEPTED,
    DECLINED,
    HANDING_OVER_S,
    TURNOUT_S,
    WORKING_S,
    Command,
    Phase,
    Said,
    VehicleState,
    advance,
    after_restart,
    at_home,
    decode_command,
    first_words,
    resumed,
)
from iot.topics import topic_of
from tests.iot.conftest import node, place_of

MONDAY_8_S = 1_772_409_600.0
"""Monday 2 March 2026, 08:00 in Shanghai."""

SEED = 7
SCENE = place_of(14, 4)


@pytest.fixture(scope="module")
def roads(paper_city: City) -> Roads:
    return Roads(paper_city)


@pytest.fixture(scope="module")
def fleet(paper_city: City, roads: Roads) -> tuple[Vehicle, ...]:
    return muster(paper_city, roads, SEED)


@pytest.fixture(scope="module")
def ambulance(fleet: Sequence[Vehicle]) -> Vehicle:
    return next(v for v in fleet if v.kind is UnitKind.AMBULANCE)


@pytest.fixture(scope="module")
def engine(fleet: Sequence[Vehicle]) -> Vehicle:
    return next(v for v in fleet if v.kind is UnitKind.FIRE_ENGINE)


@pytest.fixture(scope="module")
def patrol(fleet: Sequence[Vehicle]) -> Vehicle:
    return next(v for v in fleet if v.kind is UnitKind.POLICE_CAR)


def order(order_id: str = "o-1", *, expires_s: float = MONDAY_8_S + 60, at: tuple[float, float] = SCENE) -> Command:
    """An order as it arrives: encoded by us, decoded by the unit."""
    said = DispatchCommand(
        id=order_id, ts=datetime.fromtimestamp(MONDAY_8_S, UTC), incident="i-1", position=at,
        expires=datetime.fromtimestamp(expires_s, UTC),
    )  # fmt: skip
    return decode_command(encode(said))


def cancel(of: str | None = "o-1", command_id: str = "c-1") -> Command:
    return decode_command(msgspec.json.encode({"id": command_id, "ts": "2026-03-02T00:00:00Z", "cmd": "cancel", "order": of}))


def heard(vehicle: Vehicle, said: Sequence[Said]) -> list[Report]:
    """What the ingester makes of it."""
    received = datetime.fromtimestamp(MONDAY_8_S + 86_400, UTC)
    return [r for kind, words in said for r in parse(topic_of(vehicle.device_id, kind), encode(words), received)]


class Course:
    """A unit driven second by second, with everything it said."""

    def __init__(self, vehicle: Vehicle, roads: Roads, state: VehicleState | None = None, now_s: float = MONDAY_8_S) -> None:
        self.vehicle, self.roads, self.now_s = vehicle, roads, now_s
        self.state: VehicleState = state or at_home(vehicle, now_s, roads)
        self.events: list[Event] = []
        self.said: list[Report] = heard(vehicle, first_words(self.state)) if state is None else []

    def run(self, seconds: float, *commands: Command, every_s: float = 1.0) -> Course:
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.now_s = min(self.now_s + every_s, until_s)
            self.state, said = advance(self.vehicle, self.state, self.now_s, commands, self.roads)
            self.said += heard(self.vehicle, said)
            self.events += [words for _, words in said if isinstance(words, Event)]
            commands = ()
        return self

    def until(self, status: UnitStatus) -> Course:
        for _ in range(7_200):
            if self.state.status is status:
                return self
            self.run(1)
        raise AssertionError(f"{status.value} was not reached within two hours")

    def statuses(self) -> list[tuple[str, str | None]]:
        return [(r.status, r.order_id) for r in self.said if isinstance(r, UnitStatusReport)]

    def times(self) -> dict[str, float]:
        return {r.status: r.phenomenon_time.timestamp() for r in self.said if isinstance(r, UnitStatusReport)}

    def answers(self) -> list[tuple[str, str]]:
        return [(r.command_id, r.result) for r in self.said if isinstance(r, CommandAck)]

    def positions(self) -> list[UnitPosition]:
        return [r for r in self.said if isinstance(r, UnitPosition)]


def carrying_order(ambulance: Vehicle, roads: Roads, *, carries: bool = True) -> str:
    """An order whose patient is (or is not) brought to hospital, which its id decides."""
    for k in itertools.count(1):
        course = Course(ambulance, roads).run(1, order(f"o-{k}")).run(9_000, every_s=2)
        status = [e.status for e in course.events if e.order == f"o-{k}"]
        assert status == ["dispatched", "enroute", "on_scene", "working", "returning"]
        times = course.times()
        if (times["returning"] - times["working"] > WORKING_S[ambulance.kind][1]) is carries:
            return f"o-{k}"
    raise AssertionError


def test_an_order_is_acknowledged_and_carried_out_step_by_step(engine: Vehicle, roads: Roads) -> None:
    course = Course(engine, roads).run(1, order()).until(UnitStatus.RETURNING).until(UnitStatus.AVAILABLE)
    assert {type(report) for report in course.said} == {UnitStatusReport, UnitPosition, CommandAck}
    assert course.answers() == [("o-1", ACCEPTED)]
    assert course.statuses() == [
        ("available", None), ("dispatched", "o-1"), ("enroute", "o-1"), ("on_scene", "o-1"), ("working", "o-1"),
        ("returning", "o-1"), ("available", None),
    ]  # fmt: skip


def test_each_phase_lasts_as_long_as_its_table_says(engine: Vehicle, roads: Roads) -> None:
    since = Course(engine, roads).run(1, order()).until(UnitStatus.RETURNING).times()
    assert TURNOUT_S[engine.kind][0] <= since["enroute"] - since["dispatched"] <= TURNOUT_S[engine.kind][1]
    assert WORKING_S[engine.kind][0] <= since["returning"] - since["working"] <= WORKING_S[engine.kind][1]
    # By the graph: from its home to node (14, 4), at free speed.
    route = roads.route(engine.home_node, node(14, 4))
    assert route is not None
    assert since["on_scene"] - since["enroute"] == pytest.approx(route.travel_s, abs=0.01)


def test_what_happens_and_when_does_not_depend_on_how_often_one_looks(ambulance: Vehicle, roads: Roads) -> None:
    often, seldom = (Course(ambulance, roads).run(1, order()).run(7_200, every_s=step) for step in (1.0, 613.0))
    assert [(e.status, e.order, e.ts) for e in often.events] == [(e.status, e.order, e.ts) for e in seldom.events]
    assert often.state.status is UnitStatus.AVAILABLE
    assert len(often.positions()) > 10 * len(seldom.positions())


def test_an_ambulance_brings_its_patient_to_the_hospital_that_is_quickest_to_reach(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order(carrying_order(ambulance, roads))).until(UnitStatus.WORKING)
    while course.state.phase is not Phase.HANDING_OVER:
        assert course.run(1).state.status is UnitStatus.WORKING
    there = course.positions()[-1]
    # Of the two hospitals, at (1, 1.5) and at (9, 1.5), the eastern one is nearer to (14, 4); its crossing is (9, 1) or (9, 2).
    east, west = place_of(9, 1.5), place_of(1, 1.5)
    assert float(distance_m(there.lon, there.lat, *east)) < 300 < float(distance_m(there.lon, there.lat, *west))
    handed_over_s = course.state.until_s - course.state.set_out_s
    assert HANDING_OVER_S[0] <= handed_over_s <= HANDING_OVER_S[1]
    assert course.until(UnitStatus.RETURNING).until(UnitStatus.AVAILABLE).statuses()[-2][0] == "returning"


def test_an_ambulance_without_a_patient_to_carry_goes_home_from_the_scene(ambulance: Vehicle, roads: Roads) -> None:
    order_id = carrying_order(ambulance, roads, carries=False)
    course = Course(ambulance, roads).run(1, order(order_id)).until(UnitStatus.RETURNING)
    assert float(distance_m(course.positions()[-1].lon, course.positions()[-1].lat, *SCENE)) < 15


def test_a_patient_on_board_is_not_left_for_a_cancel(ambulance: Vehicle, roads: Roads) -> None:
    order_id = carrying_order(ambulance, roads)
    course = Course(ambulance, roads).run(1, order(order_id)).until(UnitStatus.WORKING)
    while course.state.phase is not Phase.CARRYING:
        course.run(1)
    assert course.run(1, cancel(order_id)).answers()[-1] == ("c-1", DECLINED)
    assert course.state.phase is Phase.CARRYING


def test_a_known_order_is_acknowledged_again_and_not_acted_on_again(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.ENROUTE)
    before = course.state
    course.run(1, order())
    assert course.answers() == [("o-1", ACCEPTED), ("o-1", ACCEPTED)]
    assert course.state.route is before.route
    course.until(UnitStatus.AVAILABLE).run(5, order())
    assert course.answers()[-1] == ("o-1", ACCEPTED)
    assert course.state.status is UnitStatus.AVAILABLE


@pytest.mark.parametrize(
    "bad",
    [order(expires_s=MONDAY_8_S - 1), order(at=(400.0, 30.2)), Command(id="o-1", cmd="dispatch"), Command(id="o-1", cmd="dance")],
    ids=["lapsed", "not on earth", "without a position", "unknown"],
)
def test_an_order_that_cannot_be_followed_is_declined_and_changes_nothing(ambulance: Vehicle, roads: Roads, bad: Command) -> None:
    course = Course(ambulance, roads).run(1, bad).run(100)
    assert course.answers() == [("o-1", DECLINED)]
    assert course.state.status is UnitStatus.AVAILABLE


def test_a_busy_unit_declines_a_second_order_and_keeps_the_first(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).run(1, order("o-2"))
    assert course.answers() == [("o-1", ACCEPTED), ("o-2", DECLINED)]
    assert course.state.order_id == "o-1"


@pytest.mark.parametrize("status", [UnitStatus.DISPATCHED, UnitStatus.ENROUTE, UnitStatus.ON_SCENE, UnitStatus.WORKING])
def test_a_cancelled_unit_turns_round_wherever_it_is(ambulance: Vehicle, roads: Roads, status: UnitStatus) -> None:
    course = Course(ambulance, roads).run(1, order()).until(status).run(10)
    lon, lat, _, _ = course.state.route.at(course.state.driven_s(course.now_s))
    course.run(1, cancel())
    assert course.answers()[-1] == ("c-1", ACCEPTED)
    assert ("returning", "o-1") in course.statuses()
    there = course.positions()[-1]
    assert float(distance_m(lon, lat, there.lon, there.lat)) < 30
    course.until(UnitStatus.AVAILABLE)
    home = course.positions()[-1]
    assert float(distance_m(home.lon, home.lat, roads.lon[ambulance.home_node], roads.lat[ambulance.home_node])) < 1


def test_cancelling_another_order_or_none_is_declined(ambulance: Vehicle, roads: Roads) -> None:
    assert Course(ambulance, roads).run(1, cancel()).answers() == [("c-1", DECLINED)]
    course = Course(ambulance, roads).run(1, order()).run(1, cancel("o-9"))
    assert course.answers()[-1] == ("c-1", DECLINED)
    assert course.state.status is UnitStatus.DISPATCHED


def test_a_unit_on_its_way_home_takes_a_new_order_and_goes_on_driving(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.ON_SCENE).run(1, cancel()).run(5)
    course.run(1, order("o-2", expires_s=MONDAY_8_S + 9_000, at=place_of(2, 6)))
    assert course.answers()[-1] == ("o-2", ACCEPTED)
    before = course.positions()[-1]
    course.run(6)
    assert course.state.status is UnitStatus.ENROUTE
    after = course.positions()[-1]
    assert float(distance_m(before.lon, before.lat, after.lon, after.lat)) > 20


def test_positions_come_every_second_on_an_order_and_every_thirty_when_standing(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(120)
    assert len(course.positions()) == 1 + 4
    course.run(1, order(expires_s=MONDAY_8_S + 150)).until(UnitStatus.ENROUTE)
    n_before = len(course.positions())
    course.run(20)
    assert len(course.positions()) == n_before + 20
    assert 25 < course.positions()[-1].speed_kmh < 55  # type: ignore[operator]


def test_the_interval_that_is_announced_keeps_every_unit_fresh(fleet: Sequence[Vehicle], roads: Roads) -> None:
    """A position that is as old as one can be when the next one comes is still live by the interval of the birth."""
    for vehicle in fleet:
        assert vehicle.birth(datetime.fromtimestamp(MONDAY_8_S, UTC)).interval_s == SPEAKS_EVERY_S
        places = Course(vehicle, roads).run(300).positions()
        gaps = [(b.phenomenon_time - a.phenomenon_time).total_seconds() for a, b in itertools.pairwise(places)]
        assert max(gaps) <= SPEAKS_EVERY_S + 1
        assert freshness(max(gaps) + 1, SPEAKS_EVERY_S).value == "fresh"


def test_units_do_not_all_speak_at_once(fleet: Sequence[Vehicle], roads: Roads) -> None:
    courses = [Course(vehicle, roads).run(30) for vehicle in fleet if vehicle.beat is None]
    moments = [p.phenomenon_time for course in courses for p in course.positions()[1:]]
    assert len(set(moments)) > len(courses) / 2


def test_a_driving_unit_stays_on_the_roads_and_never_jumps(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.ON_SCENE)
    places = course.positions()
    for before, after in itertools.pairwise(places):
        seconds = max((after.phenomenon_time - before.phenomenon_time).total_seconds(), 0)
        assert float(distance_m(before.lon, before.lat, after.lon, after.lat)) <= 14 * seconds + 1  # 50 km/h
    for place in places:
        column, row = (place.lon - 123.40) / 0.005, (place.lat - 30.20) / 0.005
        assert min(abs(column - round(column)), abs(row - round(row))) < 0.001


def test_a_patrol_drives_around_its_home_and_still_takes_orders(patrol: Vehicle, roads: Roads) -> None:
    course = Course(patrol, roads).run(3_600)
    away = [float(distance_m(p.lon, p.lat, patrol.lon, patrol.lat)) for p in course.positions()]
    assert max(away) > 300
    assert max(away) < 4_000
    assert course.statuses() == [("available", None)]
    course.run(1, order(expires_s=MONDAY_8_S + 9_000))
    assert course.answers() == [("o-1", ACCEPTED)]


def test_where_a_patrol_is_follows_from_the_time_alone(patrol: Vehicle, roads: Roads) -> None:
    now_s = MONDAY_8_S + 7_200
    driven = Course(patrol, roads).run(7_200, every_s=60).state
    fresh = at_home(patrol, now_s, roads)
    assert driven.route.at(driven.driven_s(now_s)) == pytest.approx(fresh.route.at(fresh.driven_s(now_s)), abs=1e-6)


def test_a_patrol_back_from_an_order_waits_for_its_next_round(patrol: Vehicle, roads: Roads) -> None:
    course = Course(patrol, roads).run(1, order()).until(UnitStatus.RETURNING).until(UnitStatus.AVAILABLE)
    assert course.state.phase is Phase.WAITING
    assert patrol.beat is not None
    home = (roads.lon[patrol.home_node], roads.lat[patrol.home_node])
    waits_s = course.state.until_s - course.now_s
    assert 0 < waits_s < patrol.beat.period_s
    course.run(math.ceil(waits_s))
    assert course.state.phase is Phase.PATROLLING
    assert float(distance_m(*course.state.route.at(course.state.driven_s(course.now_s))[:2], *home)) < 20


def elsewhere(command_id: str = "s-1", *, expires_s: float = MONDAY_8_S + 60) -> Command:
    """Stand by, as it arrives."""
    said = StandByCommand(
        id=command_id, ts=datetime.fromtimestamp(MONDAY_8_S, UTC), place="ems-2", position=SCENE,
        expires=datetime.fromtimestamp(expires_s, UTC),
    )  # fmt: skip
    return decode_command(encode(said))


def test_a_free_unit_goes_to_wait_somewhere_else_and_is_free_all_the_way(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, elsewhere())
    assert course.answers() == [("s-1", ACCEPTED)]
    assert (course.state.phase, course.state.status) == (Phase.MOVING_UP, UnitStatus.AVAILABLE)
    course.run(math.ceil(course.state.until_s - course.now_s) + 1)
    assert course.state.phase is Phase.WAITING
    assert float(distance_m(*course.state.route.at(0)[:2], *SCENE)) < 200
    assert {status for status, _ in course.statuses()} == {"available"}
    course.run(1, order("o-2", at=place_of(2, 2), expires_s=course.now_s + 60))
    assert course.answers()[-1] == ("o-2", ACCEPTED)
    course.until(UnitStatus.RETURNING).until(UnitStatus.AVAILABLE)
    home = roads.lon[ambulance.home_node], roads.lat[ambulance.home_node]
    assert float(distance_m(*course.state.route.at(0)[:2], *home)) < 20, "its next order done, it goes home"


def test_who_is_on_an_order_or_a_beat_does_not_go_to_wait_elsewhere(ambulance: Vehicle, patrol: Vehicle, roads: Roads) -> None:
    busy = Course(ambulance, roads).run(1, order()).run(1, elsewhere())
    assert busy.answers() == [("o-1", ACCEPTED), ("s-1", DECLINED)]
    assert Course(patrol, roads).run(1, elsewhere()).answers() == [("s-1", DECLINED)]
    assert Course(ambulance, roads).run(1, elsewhere(expires_s=MONDAY_8_S - 1)).answers() == [("s-1", DECLINED)]


def test_a_step_changes_nothing_but_what_it_returns(ambulance: Vehicle, roads: Roads) -> None:
    state = at_home(ambulance, MONDAY_8_S, roads)
    copy = replace(state)
    first = advance(ambulance, state, MONDAY_8_S + 1, [order()], roads)
    assert state == copy
    again = advance(ambulance, state, MONDAY_8_S + 1, [order()], roads)
    assert again[1] == first[1]
    assert (again[0].status, again[0].until_s, again[0].answers) == (first[0].status, first[0].until_s, first[0].answers)


@pytest.mark.parametrize("status", ["dispatched", "enroute", "on_scene", "working"])
def test_a_unit_switched_on_again_goes_on_with_its_order_as_if_nothing_had_been(
    ambulance: Vehicle, roads: Roads, status: str
) -> None:
    whole = Course(ambulance, roads).run(1, order(carrying_order(ambulance, roads))).run(7_200).events
    k = [e.status for e in whole].index(status)
    word = msgspec.json.decode(encode(whole[k]), type=Event)  # as the broker keeps it
    back_s = word.ts.timestamp() + 30
    state = resumed(ambulance, word, back_s, roads)
    assert state is not None
    assert state.status.value == status
    rest = Course(ambulance, roads, state, back_s).run(7_200)
    assert [(e.status, e.order) for e in rest.events] == [(e.status, e.order) for e in whole[k + 1 :]]
    for before, after in zip(whole[k + 1 :], rest.events, strict=True):
        assert after.ts.timestamp() == pytest.approx(before.ts.timestamp(), abs=0.01)
    # The order that comes a second time is acknowledged and not begun again.
    assert word.order is not None
    again = advance(ambulance, state, back_s, [order(word.order)], roads)
    assert ("ack", ACCEPTED) in [(kind, getattr(words, "result", None)) for kind, words in again[1]]


def test_what_came_to_pass_while_a_unit_was_switched_off_is_told_with_its_own_time(engine: Vehicle, roads: Roads) -> None:
    word = Course(engine, roads).run(1, order()).until(UnitStatus.ENROUTE).events[-1]
    back_s = MONDAY_8_S + 3 * 3_600
    state = resumed(engine, word, back_s, roads)
    assert state is not None
    told = Course(engine, roads, state, back_s).run(1).events
    assert [e.status for e in told] == ["on_scene", "working", "returning", "available"]
    assert word.ts < told[0].ts < told[1].ts < told[2].ts < told[3].ts
    assert told[3].ts.timestamp() < back_s


def test_a_unit_that_does_not_know_where_its_order_leads_gives_it_up(engine: Vehicle, roads: Roads) -> None:
    last = Event(id="e", ts=datetime.fromtimestamp(MONDAY_8_S, UTC), event="status", status="enroute", order="o-1")
    assert resumed(engine, last, MONDAY_8_S + 60, roads) is None
    said = [words for _, words in after_restart(last, MONDAY_8_S + 60)]
    assert [(e.status, e.order) for e in said if isinstance(e, Event)] == [("returning", "o-1"), ("available", None)]
    returning = Event(id="e", ts=last.ts, event="status", status="returning", order="o-1")
    assert resumed(engine, returning, MONDAY_8_S + 60, roads) is None
    assert after_restart(returning, MONDAY_8_S + 60) == []


def test_water_on_the_way_is_driven_round_and_the_unit_still_arrives(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.ENROUTE)
    ahead = course.state.route.arcs_ahead(course.state.driven_s(course.now_s))
    flooded = int(ahead[len(ahead) // 2])
    travel_s = roads.free_s.copy()
    travel_s[flooded] = math.inf
    course.roads = roads.driven_in(travel_s)
    assert flooded not in course.run(1).state.route.arcs
    course.until(UnitStatus.ON_SCENE)
    assert float(distance_m(course.positions()[-1].lon, course.positions()[-1].lat, *SCENE)) < 15


def test_every_unit_has_a_home_a_name_and_what_it_can_do(fleet: Sequence[Vehicle]) -> None:
    assert len({vehicle.unit_id for vehicle in fleet}) == len(fleet)
    assert {vehicle.kind for vehicle in fleet} == set(UnitKind)
    for vehicle in fleet:
        birth = vehicle.birth(datetime.fromtimestamp(MONDAY_8_S, UTC))
        assert birth.type == "Vehicle"
        assert birth.capabilities
        assert birth.name_zh


def test_a_station_has_as_many_units_on_duty_as_it_says(paper_city: City, roads: Roads) -> None:
    """Three ambulances of four and two of the usual three are crewed, six engines of ten and the only one of the other
    station."""

    def with_stock(place: Place) -> Place:
        stock = {"ambulance_station-1": {"ambulances": 4}, "fire_station-1": {"engines": 10}, "fire_station-2": {"engines": 1}}
        return replace(place, attributes=stock.get(place.id, {}))

    city = replace(paper_city, places=tuple(with_stock(place) for place in paper_city.places))
    homes = [vehicle.device_id.split("/")[2] for vehicle in muster(city, roads, SEED)]
    assert (homes.count("ambulance_station-1"), homes.count("ambulance_station-2")) == (3, 2)
    assert (homes.count("fire_station-1"), homes.count("fire_station-2")) == (6, 1)
