"""Orders at a real database: one transaction, one winner, everybody else told why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import orders
from domain.incidents import IncidentState
from domain.moments import Moment
from domain.orders import Order, OrderState
from domain.refusals import Refused
from domain.rights import Actor, Role, Scope
from domain.units import Unit, UnitStatus
from storage import heartbeats, incidents, outbox, proposals, units
from storage import orders as stored_orders
from storage.audit import list_entries, state_hash
from storage.connection import Connection, connect
from tests.support.scenes import AMBULANCE, COMMANDER, NOW, a_status, a_unit, an_incident, an_order, minutes, ordered, stored

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire, and an ambulance that waits at its station."""
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    return conn


def send(
    conn: Connection, unit_id: str = "a-1", incident_id: str = "i-1", *, actor: Actor = COMMANDER, later: float = 0
) -> Order:
    return orders.issue(conn, incident_id, unit_id, actor, NOW + minutes(later), zone=ZONE, order_expiry_s=120)


def call_off(conn: Connection, order_id: str, *, later: float = 1) -> Order:
    return orders.cancel(conn, order_id, COMMANDER, NOW + minutes(later), zone=ZONE, reason="误报")


def the_unit(conn: Connection, later: float = 0) -> Unit:
    return units.list_units(conn, Moment.live(NOW + minutes(later)))[0]


def outcomes(conn: Connection) -> list[tuple[str, str]]:
    return [(entry.action, entry.outcome) for entry in reversed(list_entries(conn))]


def test_an_order_sends_a_unit(scene: Connection) -> None:
    order = send(scene)
    assert (order.state, order.actor, order.issued_at) == (OrderState.ISSUED, "li", NOW)
    unit = the_unit(scene)
    assert (unit.status, unit.order_id) == (UnitStatus.DISPATCHED, order.order_id)
    (incident,) = incidents.list_open_incidents(scene, Moment.live(NOW))
    assert incident.state is IncidentState.RESPONDING
    (command,) = outbox.list_sendable(scene)
    assert command.topic == f"city/v1/{AMBULANCE}/cmd"
    assert command.payload == {
        "id": order.order_id, "ts": "2026-03-02T01:00:00Z", "cmd": "dispatch", "incident": "i-1", "position": [113.25, 23.125],
        "expires": "2026-03-02T01:02:00Z",
    }  # fmt: skip
    (entry,) = list_entries(scene)
    assert (entry.action, entry.outcome, entry.object, entry.detail) == (
        "order.issue", "done", "a-1 → i-1", {"order": order.order_id},
    )  # fmt: skip


def test_the_audit_hashes_what_became_of_the_incident_and_not_what_usually_does(scene: Connection) -> None:
    (found,) = incidents.list_open_incidents(scene, Moment.live(NOW))
    controlled = IncidentState.CONTROLLED
    incidents.set_state(
        scene, "i-1", controlled, found.grade, found.response_level, valid_from=NOW, recorded_at=NOW, actor=COMMANDER.name
    )
    order = send(scene, later=1)
    became = {"status": UnitStatus.DISPATCHED, "order": order.order_id, "state": controlled}
    assert list_entries(scene)[0].after_hash == state_hash(became)


def test_a_unit_under_way_is_not_sent_again(scene: Connection) -> None:
    order = send(scene)
    with pytest.raises(Refused) as refused:
        send(scene, later=1)
    assert refused.value.code == "unit_busy"
    assert refused.value.en == f"A-1 has been dispatched on order {order.order_id} since 09:00"
    assert outcomes(scene) == [("order.issue", "done"), ("order.issue", "refused")]
    assert len(outbox.list_sendable(scene)) == 1


def test_a_unit_that_calls_itself_free_is_not_torn_from_its_order(scene: Connection) -> None:
    order = send(scene)
    stored(scene, a_status("available", minutes_ago=-1))
    with pytest.raises(Refused) as refused:
        send(scene, later=2)
    assert refused.value.zh == f"急救1车 已派往 i-1（任务 {order.order_id}，09:00 起）"


def test_eight_officers_send_a_unit_once(scene: Connection, database_url: str) -> None:
    """Each clicked at another millisecond, and the last click may win: one order, seven sentences, eight entries."""
    ready = Barrier(8)

    def click(k: int) -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                return send(own, later=(7 - k) / 60_000).order_id
            except Refused as refusal:
                return refusal.code

    with ThreadPoolExecutor(8) as officers:
        said = list(officers.map(click, range(8)))
    assert said.count("unit_busy") == 7
    assert scene.execute("SELECT count(*) FROM dispatch_order").fetchone() == (1,)
    assert sorted(outcome for _, outcome in outcomes(scene)) == ["done"] + ["refused"] * 7
    assert len(outbox.list_sendable(scene)) == 1


def test_an_order_written_elsewhere_at_the_same_moment_is_waited_for(scene: Connection, database_url: str) -> None:
    """Another program writes an order without asking for the unit: the click waits for it, and is refused."""
    said: list[str] = []

    def click() -> None:
        with connect(database_url) as own:
            try:
                send(own)
            except Refused as refusal:
                said.append(refusal.en)

    with scene.transaction():
        ordered(scene, an_order("o-1", minutes_ago=1))
        officer = Thread(target=click)
        officer.start()
        officer.join(0.3)
        assert said == []
    officer.join(10)
    assert said == ["A-1 has been on its way to i-1 since 08:59 (order o-1)"]


@pytest.mark.parametrize(
    ("unit_id", "incident_id", "sentence"),
    [("a-9", "i-1", "there is no unit a-9"), ("a-1", "i-9", "there is no incident i-9")],
)
def test_what_is_not_known_is_named(scene: Connection, unit_id: str, incident_id: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        send(scene, unit_id, incident_id)
    assert outcomes(scene) == [("order.issue", "refused")]


def test_who_may_not_send_is_told_so(scene: Connection) -> None:
    with pytest.raises(Refused, match="the role leader has no right to send a unit"):
        send(scene, actor=Actor("zhao", Role.LEADER))
    assert the_unit(scene).status is UnitStatus.AVAILABLE
    assert outcomes(scene) == [("order.issue", "refused")]


def test_nobody_is_sent_to_what_is_over(scene: Connection) -> None:
    (incident,) = incidents.list_open_incidents(scene, Moment.live(NOW))
    incidents.set_state(
        scene, "i-1", IncidentState.CLOSED, incident.grade, incident.response_level, valid_from=NOW, recorded_at=NOW, actor="li"
    )
    with pytest.raises(Refused) as refused:
        send(scene, later=1)
    assert refused.value.code == "incident_closed"


def test_a_unit_that_spoke_a_moment_ago_is_shown_as_sent(scene: Connection) -> None:
    """The unit's last word was recorded by a machine whose clock is two seconds ahead of the officer's."""
    stored(scene, a_status("available", minutes_ago=-2 / 60))
    order = send(scene)
    assert the_unit(scene, later=3 / 60).order_id == order.order_id


def test_an_order_is_called_off_before_arrival(scene: Connection) -> None:
    order = send(scene)
    stored(scene, a_status("enroute", minutes_ago=-0.5, order_id=order.order_id))
    assert call_off(scene, order.order_id).state is OrderState.CANCELLED
    assert the_unit(scene, later=1).status is UnitStatus.RETURNING
    (command,) = outbox.list_sendable(scene)
    assert command.payload == {
        "id": f"{order.order_id}-x", "ts": "2026-03-02T01:01:00Z", "cmd": "cancel", "order": order.order_id,
    }  # fmt: skip
    assert outcomes(scene) == [("order.issue", "done"), ("order.cancel", "done")]
    assert send(scene, later=2).order_id != order.order_id, "the unit may be sent again at once"


def test_after_arrival_it_is_too_late(scene: Connection) -> None:
    order = send(scene)
    stored(scene, a_status("on_scene", minutes_ago=-0.5, order_id=order.order_id))
    with pytest.raises(Refused) as refused:
        call_off(scene, order.order_id)
    assert refused.value.zh == f"急救1车 到达（09:00 起），不能撤销任务 {order.order_id}"


def test_what_has_ended_cannot_be_called_off(scene: Connection) -> None:
    order = send(scene)
    call_off(scene, order.order_id)
    with pytest.raises(Refused, match="has been cancelled since 09:01: there is nothing to cancel"):
        call_off(scene, order.order_id, later=2)
    with pytest.raises(Refused, match="there is no order o-9"):
        call_off(scene, "o-9", later=2)


def test_a_drill_neither_uses_nor_tells_the_real_units(scene: Connection) -> None:
    scene.execute("UPDATE incident SET exercise_id = 'ex-1'")
    stored(scene, a_status("available", minutes_ago=60))
    units.set_status(scene, "a-1", UnitStatus.AVAILABLE, order_id=None, now=NOW - minutes(60), exercise_id="ex-1")
    orders.issue(scene, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120, exercise_id="ex-1")
    assert outbox.list_sendable(scene) == []
    assert the_unit(scene).status is UnitStatus.AVAILABLE
    assert [o.exercise_id for o in stored_orders.list_open_orders(scene)] == ["ex-1"]
    with pytest.raises(Refused, match="there is no incident i-1"):
        send(scene)


@given(st.integers(0, 2**20 - 1), st.integers(0, 2**20 - 1), st.integers(1, 10**9))
def test_order_ids_sort_by_time(luck_a: int, luck_b: int, later_ms: int) -> None:
    earlier, later = orders.new_order_id(NOW, luck_a), orders.new_order_id(NOW + minutes(later_ms / 60_000), luck_b)
    assert earlier < later
    assert len(earlier) == len(later) == 15


# What the planner says of a unit when its order is given.


def recommended(
    conn: Connection, *unit_ids: str, made: str = "p-1", ago_s: float = 10, binds_s: float = 60, others: tuple[str, ...] = ()
) -> None:
    """A recommendation for the fire, `ago_s` before NOW."""
    eta = {"s": 250, "low_s": 200, "high_s": 330, "basis": "roads"}
    lost = {"before": 0.96, "after": 0.93, "district": "440106"}
    rows = [{"rank": k, "unit": u, "eta": eta, "coverage": lost} for k, u in enumerate(unit_ids, 1)]
    entry = {"incident": "i-1", "proposals": rows, "others": [{"unit": u, "eta": eta, "coverage": None} for u in others]}
    content = {"binds_s": binds_s, "incidents": [entry]}
    proposals.write_recommendation(conn, proposals.Recommendation(made, NOW - minutes(ago_s / 60), "roads", 1.0, content))


def issued(conn: Connection, unit_id: str = "a-1", *, later: float = 0, **said: Any) -> Order:
    return orders.issue(conn, "i-1", unit_id, COMMANDER, NOW + minutes(later), zone=ZONE, order_expiry_s=120, **said)


@pytest.fixture
def two(scene: Connection) -> Connection:
    stored(scene, a_unit("a-2", name_zh="急救2车"), a_status("available", unit_id="a-2", minutes_ago=60))
    return scene


def test_an_order_that_follows_a_proposal_keeps_what_was_said(two: Connection) -> None:
    recommended(two, "a-2", "a-1")
    order = issued(two, proposal="p-1", rank=2)
    said = stored_orders.find_promise(two, order.order_id)
    assert said == stored_orders.Promise("p-1", 2, 250, 200, 330, "roads", pytest.approx(0.03), "440106")
    assert list_entries(two)[0].detail == {"order": order.order_id, "proposal": "p-1"}


def test_who_sends_another_unit_has_to_say_why(two: Connection) -> None:
    recommended(two, "a-1", others=("a-2",))
    with pytest.raises(Refused) as refused:
        issued(two, "a-2")
    assert refused.value.code == "reason_needed"
    assert refused.value.en == "A-2 is not among the units proposed for i-1 at 08:59 (a-1): say why it should go"
    with pytest.raises(Refused):
        issued(two, "a-2", reason="  ")
    order = issued(two, "a-2", reason="它就在旁边")
    assert (order.override_reason, list_entries(two)[0].detail["reason"]) == ("它就在旁边", "它就在旁边")
    said = stored_orders.find_promise(two, order.order_id)
    assert said is not None
    assert (said.recommendation_id, said.rank, said.eta_s, said.coverage_lost) == ("p-1", None, 250, None)


@pytest.mark.parametrize(("ago_s", "held_s", "asks"), [(59, None, True), (61, None, False), (600, 30, True), (600, 90, False)])
def test_an_old_recommendation_asks_for_no_reason_unless_the_planner_says_that_it_holds(
    two: Connection, ago_s: float, held_s: float | None, asks: bool
) -> None:
    recommended(two, "a-1", ago_s=ago_s)
    if held_s is not None:
        at = NOW - minutes(held_s / 60)
        heartbeats.beat(two, "planner", "one", started_at=at, now=at, metrics={"recommendation": "p-1"})
    if asks:
        with pytest.raises(Refused):
            issued(two, "a-2")
    else:
        assert issued(two, "a-2").state is OrderState.ISSUED


def test_what_was_on_the_screen_a_moment_ago_still_counts(two: Connection) -> None:
    recommended(two, "a-2", made="p-1", ago_s=40)
    recommended(two, "a-1", made="p-2", ago_s=20)
    order = issued(two, "a-2", proposal="p-1", rank=1)
    said = stored_orders.find_promise(two, order.order_id)
    assert said is not None
    assert (said.recommendation_id, said.rank) == ("p-1", 1)


def test_what_was_on_the_screen_long_ago_does_not(two: Connection) -> None:
    recommended(two, "a-2", made="p-1", ago_s=400)
    recommended(two, "a-1", made="p-2", ago_s=300)
    heartbeats.beat(two, "planner", "one", started_at=NOW, now=NOW, metrics={"recommendation": "p-2"})
    with pytest.raises(Refused):
        issued(two, "a-2", proposal="p-1", rank=1)


def test_several_are_sent_in_one_go_or_none_is(two: Connection) -> None:
    made = orders.issue_all(two, "i-1", ["a-2", "a-1", "a-2"], COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    assert [order.unit_id for order in made] == ["a-2", "a-1"]
    assert len(outbox.list_sendable(two)) == 2
    entry = list_entries(two)[0]
    assert (entry.action, entry.object, entry.detail["orders"]) == (
        "order.issue_all",
        "a-2, a-1 → i-1",
        [o.order_id for o in made],
    )


def test_of_several_one_that_is_busy_keeps_all_back(two: Connection) -> None:
    stored(two, an_incident("i-2"))
    send(two, "a-2", "i-2")
    with pytest.raises(Refused) as refused:
        orders.issue_all(two, "i-1", ["a-1", "a-2"], COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)
    assert refused.value.code == "unit_busy"
    assert two.execute("SELECT count(*) FROM dispatch_order").fetchone() == (1,)
    assert outcomes(two)[-1] == ("order.issue_all", "refused")
    recommended(two, "a-2")
    with pytest.raises(Refused) as refused:
        orders.issue_all(two, "i-1", ["a-1"], COMMANDER, NOW + minutes(0.1), zone=ZONE, order_expiry_s=120)
    assert refused.value.code == "reason_needed"
    for wrong in ([], [f"a-{k}" for k in range(21)]):
        with pytest.raises(Refused) as refused:
            orders.issue_all(two, "i-1", wrong, COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)
        assert refused.value.code == "units_number"


def test_several_at_once_are_for_who_may_send_each_of_them(two: Connection) -> None:
    two.execute("UPDATE unit SET department = '急救中心' WHERE unit_id = 'a-1'")
    bounded = Actor("wang", Role.DISPATCHER, Scope(department="急救中心"))
    with pytest.raises(Refused) as refused:
        orders.issue_all(two, "i-1", ["a-1", "a-2"], bounded, NOW, zone=ZONE, order_expiry_s=120)
    assert refused.value.code == "out_of_area"
    assert len(orders.issue_all(two, "i-1", ["a-1"], bounded, NOW, zone=ZONE, order_expiry_s=120)) == 1


def test_a_unit_under_way_is_turned_round_in_one_go(two: Connection) -> None:
    stored(two, an_incident("i-2"))
    first = send(two, "a-1", "i-2")
    recommended(two, "a-1")
    with pytest.raises(Refused) as refused:
        issued(two, later=1)
    assert refused.value.code == "unit_busy", "only who says so turns it round"
    second = issued(two, later=1, turns=True, proposal="p-1")
    unit = the_unit(two, later=1.1)
    assert (unit.status, unit.order_id) == (UnitStatus.DISPATCHED, second.order_id)
    found = stored_orders.find_order(two, first.order_id)
    assert found is not None
    assert found[0].state is OrderState.CANCELLED
    commands = [c.payload["cmd"] for c in outbox.list_sendable(two)]
    assert commands == ["cancel", "dispatch"], "the first order had not left yet, and is taken back"
    states = {i.incident_id: i.state for i in incidents.list_open_incidents(two, Moment.live(NOW + minutes(2)))}
    assert states == {"i-1": IncidentState.RESPONDING, "i-2": IncidentState.REPORTED}


def test_a_unit_that_has_arrived_is_not_turned_round(two: Connection) -> None:
    stored(two, an_incident("i-2"))
    first = send(two, "a-1", "i-2")
    stored(two, a_status("on_scene", minutes_ago=-1, order_id=first.order_id))
    with pytest.raises(Refused) as refused:
        issued(two, later=2, turns=True)
    assert refused.value.code == "unit_arrived"
    assert the_unit(two, later=3).order_id == first.order_id


def test_two_commanders_turn_two_units_into_one_another_s_incident_and_nobody_waits_for_ever(
    two: Connection, database_url: str
) -> None:
    stored(two, an_incident("i-2"))
    send(two, "a-1", "i-1")
    send(two, "a-2", "i-2")
    ready = Barrier(2)

    def turn(unit_id: str, incident_id: str) -> str:
        with connect(database_url) as own:
            ready.wait()
            return orders.issue(
                own, incident_id, unit_id, COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120, turns=True
            ).incident_id

    with ThreadPoolExecutor(2) as officers:
        assert list(officers.map(turn, ("a-1", "a-2"), ("i-2", "i-1"))) == ["i-2", "i-1"]


def test_two_commanders_send_the_same_unit_by_one_order_and_by_one_of_several(two: Connection, database_url: str) -> None:
    """One follows the proposal for one unit, the other sends all: one order for the unit, and one clear refusal."""
    recommended(two, "a-1", "a-2")
    ready = Barrier(2)

    def one() -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                issued(own, "a-1", proposal="p-1", rank=1)
            except Refused as refusal:
                return refusal.code
            return "done"

    def both() -> str:
        with connect(database_url) as own:
            ready.wait()
            try:
                orders.issue_all(own, "i-1", ["a-2", "a-1"], COMMANDER, NOW, zone=ZONE, order_expiry_s=120, proposal="p-1")
            except Refused as refusal:
                return refusal.code
            return "done"

    with ThreadPoolExecutor(2) as officers:
        said = sorted(job.result() for job in (officers.submit(one), officers.submit(both)))
    assert said == ["done", "unit_busy"]
    assert two.execute("SELECT count(*) FROM dispatch_order WHERE unit_id = 'a-1'").fetchone() == (1,)
    assert sorted(outcome for _, outcome in outcomes(two)) == ["done", "refused"]
