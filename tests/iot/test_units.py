"""Units: what they do with an order, how they drive, what they answer. No broker, no clock."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from domain.batches import Report
from domain.units import CommandAck, UnitKind, UnitPosition, UnitStatus, UnitStatusReport
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import DispatchCommand, Event, encode
from iot.plane import distance_m
from iot.simulated.driving import Roads
from iot.simulated.units import (
    ACCEPTED,
    DECLINED,
    TURNOUT_S,
    WORKING_S,
    Command,
    Said,
    Vehicle,
    VehicleState,
    advance,
    after_restart,
    at_home,
    decode_command,
    first_words,
    muster,
)
from iot.topics import topic_of
from tests.iot.conftest import node, place_of
from tests.iot.test_physics import MONDAY_8_S, SEED

SCENE = place_of(14, 4)


@pytest.fixture(scope="module")
def roads(paper_city: City) -> Roads:
    return Roads(paper_city)


@pytest.fixture(scope="module")
def ambulance(paper_city: City, roads: Roads) -> Vehicle:
    return next(v for v in muster(paper_city, roads, SEED) if v.kind is UnitKind.AMBULANCE)


@pytest.fixture(scope="module")
def patrol(paper_city: City, roads: Roads) -> Vehicle:
    return next(v for v in muster(paper_city, roads, SEED) if v.kind is UnitKind.POLICE_CAR)


def order(order_id: str = "o-1", *, expires_s: float = MONDAY_8_S + 60, at: tuple[float, float] = SCENE) -> Command:
    """An order as it arrives: encoded by us, decoded by the unit."""
    said = DispatchCommand(
        id=order_id, ts=datetime.fromtimestamp(MONDAY_8_S, UTC), incident="i-1", position=at,
        expires=datetime.fromtimestamp(expires_s, UTC),
    )  # fmt: skip
    return decode_command(encode(said))


def cancel(of: str | None = "o-1") -> Command:
    return decode_command(msgspec.json.encode({"id": "c-1", "ts": "2026-03-02T00:00:00Z", "cmd": "cancel", "order": of}))


def heard(vehicle: Vehicle, said: Sequence[Said]) -> list[Report]:
    """What the ingester makes of it."""
    received = datetime.fromtimestamp(MONDAY_8_S + 86_400, UTC)
    return [r for kind, words in said for r in parse(topic_of(vehicle.device_id, kind), encode(words), received)]


class Course:
    """A unit driven second by second, with everything it said."""

    def __init__(self, vehicle: Vehicle, roads: Roads) -> None:
        self.vehicle, self.roads = vehicle, roads
        self.state: VehicleState = at_home(vehicle, MONDAY_8_S, roads)
        self.said: list[Report] = heard(vehicle, first_words(self.state))

    def run(self, seconds: float, *commands: Command) -> Course:
        for second in range(1, round(seconds) + 1):
            now_s = self.state.now_s + 1
            self.state, said = advance(self.vehicle, self.state, now_s, commands if second == 1 else (), self.roads)
            self.said += heard(self.vehicle, said)
        return self

    def until(self, status: UnitStatus) -> Course:
        for _ in range(7_200):
            if self.state.status is status:
                return self
            self.run(1)
        raise AssertionError(f"{status.value} was not reached within two hours")

    def statuses(self) -> list[tuple[str, str | None]]:
        return [(r.status, r.order_id) for r in self.said if isinstance(r, UnitStatusReport)]

    def answers(self) -> list[tuple[str, str]]:
        return [(r.command_id, r.result) for r in self.said if isinstance(r, CommandAck)]

    def positions(self) -> list[UnitPosition]:
        return [r for r in self.said if isinstance(r, UnitPosition)]


def test_an_order_is_acknowledged_and_carried_out_step_by_step(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.RETURNING).until(UnitStatus.AVAILABLE)
    assert course.answers() == [("o-1", ACCEPTED)]
    assert course.statuses() == [
        ("available", None), ("dispatched", "o-1"), ("enroute", "o-1"), ("on_scene", "o-1"), ("working", "o-1"),
        ("returning", "o-1"), ("available", None),
    ]  # fmt: skip


def test_each_phase_lasts_as_long_as_its_table_says(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.RETURNING)
    since = {r.status: r.phenomenon_time for r in course.said if isinstance(r, UnitStatusReport)}
    turnout_s = (since["enroute"] - since["dispatched"]).total_seconds()
    working_s = (since["returning"] - since["working"]).total_seconds()
    assert TURNOUT_S[ambulance.kind][0] <= turnout_s <= TURNOUT_S[ambulance.kind][1] + 1
    assert WORKING_S[ambulance.kind][0] <= working_s <= WORKING_S[ambulance.kind][1] + 1
    # By the graph: from its home to node (14, 4), at free speed.
    route = roads.route(ambulance.home_node, node(14, 4))
    assert route is not None
    assert (since["on_scene"] - since["enroute"]).total_seconds() == pytest.approx(route.travel_s, abs=1.01)


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
    here = course.positions()[-1]
    course.run(1, cancel())
    assert course.answers()[-1] == ("c-1", ACCEPTED)
    assert ("returning", "o-1") in course.statuses()
    there = course.positions()[-1]
    assert float(distance_m(here.lon, here.lat, there.lon, there.lat)) < 30
    course.until(UnitStatus.AVAILABLE)
    home = course.positions()[-1]
    assert float(distance_m(home.lon, home.lat, roads.lon[ambulance.home_node], roads.lat[ambulance.home_node])) < 1


def test_cancelling_another_order_or_none_is_declined(ambulance: Vehicle, roads: Roads) -> None:
    assert Course(ambulance, roads).run(1, cancel()).answers() == [("c-1", DECLINED)]
    course = Course(ambulance, roads).run(1, order()).run(1, cancel("o-9"))
    assert course.answers()[-1] == ("c-1", DECLINED)
    assert course.state.status is UnitStatus.DISPATCHED


def test_a_unit_on_its_way_home_takes_a_new_order_without_turnout(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(1, order()).until(UnitStatus.ON_SCENE).run(1, cancel()).run(5)
    course.run(1, order("o-2", expires_s=MONDAY_8_S + 9_000))
    assert course.answers()[-1] == ("o-2", ACCEPTED)
    assert course.state.status is UnitStatus.ENROUTE


def test_positions_come_every_second_when_driving_and_every_ten_when_standing(ambulance: Vehicle, roads: Roads) -> None:
    course = Course(ambulance, roads).run(60)
    assert len(course.positions()) == 1 + 6
    course.run(1, order(expires_s=MONDAY_8_S + 90)).until(UnitStatus.ENROUTE)
    n_before = len(course.positions())
    course.run(20)
    assert len(course.positions()) == n_before + 20
    assert 25 < course.positions()[-1].speed_kmh < 55  # type: ignore[operator]


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
    course = Course(patrol, roads).run(600)
    away = [float(distance_m(p.lon, p.lat, patrol.lon, patrol.lat)) for p in course.positions()]
    assert max(away) > 300
    assert max(away) < 4_000
    assert course.statuses() == [("available", None)]
    course.run(1, order(expires_s=MONDAY_8_S + 9_000))
    assert course.answers() == [("o-1", ACCEPTED)]


def test_a_step_changes_nothing_but_what_it_returns(ambulance: Vehicle, roads: Roads) -> None:
    state = at_home(ambulance, MONDAY_8_S, roads)
    copy = replace(state)
    first = advance(ambulance, state, MONDAY_8_S + 1, [order()], roads)
    assert state == copy
    again = advance(ambulance, state, MONDAY_8_S + 1, [order()], roads)
    assert again[1] == first[1]
    assert (again[0].status, again[0].until_s, again[0].answers) == (first[0].status, first[0].until_s, first[0].answers)


def test_a_unit_switched_on_again_gives_up_the_order_it_was_on() -> None:
    last = Event(id="e", ts=datetime.fromtimestamp(MONDAY_8_S, UTC), event="status", status="enroute", order="o-1")
    said = [words for _, words in after_restart(last, MONDAY_8_S + 60)]
    assert [(e.status, e.order) for e in said if isinstance(e, Event)] == [("returning", "o-1"), ("available", None)]
    returning = Event(id="e", ts=last.ts, event="status", status="returning", order="o-1")
    assert after_restart(returning, MONDAY_8_S + 60) == []


def test_every_unit_has_a_home_a_name_and_what_it_can_do(paper_city: City, roads: Roads) -> None:
    fleet = muster(paper_city, roads, SEED)
    assert len({vehicle.unit_id for vehicle in fleet}) == len(fleet)
    assert {vehicle.kind for vehicle in fleet} == set(UnitKind)
    for vehicle in fleet:
        birth = vehicle.birth(datetime.fromtimestamp(MONDAY_8_S, UTC))
        assert birth.type == "Vehicle"
        assert birth.capabilities
        assert birth.name_zh


def test_the_quickest_way_by_hand(roads: Roads) -> None:
    """From (0, 3) to (6, 3): along row 3 (secondary) 6 × 481 m ÷ 40 km/h = 259.7 s; over the arterial of row 4
    2 × 556 m ÷ 30 km/h + 6 × 481 m ÷ 50 km/h = 133.4 + 207.8 s: longer."""
    route = roads.route(node(0, 3), node(6, 3))
    assert route is not None
    assert route.travel_s == pytest.approx(6 * 43.3, abs=0.1)
    # All 16 blocks are worth the detour: 16 × 43.3 = 692.8 s against 133.4 + 16 × 34.6 = 687 s.
    whole = roads.route(node(0, 3), node(16, 3))
    assert whole is not None
    assert whole.travel_s == pytest.approx(2 * 66.7 + 16 * 34.6, abs=0.5)
    assert float(whole.metres[-1]) == pytest.approx(16 * 480.4 + 2 * 556, rel=0.005)


def test_going_on_from_the_middle_of_a_street_leads_over_its_next_crossing(roads: Roads) -> None:
    route = roads.route(node(0, 4), node(4, 4))
    assert route is not None
    back = roads.rerouted(route, 10.0, node(0, 4))
    assert back is not None
    here = route.at(10.0)
    assert (float(back.lon[0]), float(back.lat[0])) == pytest.approx((here.lon, here.lat))
    assert back.travel_s == pytest.approx((34.6 - 10) + 34.6, abs=0.2)
    assert back.end_node == node(0, 4)
    assert here.heading_deg == pytest.approx(90, abs=0.1)
    assert here.speed_kmh == pytest.approx(50, abs=0.5)
