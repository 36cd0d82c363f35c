"""The duty desk: who goes where, after how long, and never where somebody was quicker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from dispatch import orders
from domain.incidents import Grade, Incident, IncidentState, ResponseLevel
from domain.moments import Moment
from domain.units import Unit, UnitKind, UnitStatus
from runtime.duty import AFTER, DUTY_DESK, LOOKS_EVERY, SETTLES_IN, DutyDesk, choose
from runtime.policy import Policy, load_policy
from storage.audit import list_entries
from storage.connection import Connection
from storage.incidents import list_open_incidents
from tests.runtime.conftest import ROOT
from tests.support.scenes import COMMANDER, NOW, a_position, a_status, a_unit, an_incident, stored

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(ROOT / "config" / "city.toml")


def incident(name: str, hazard: str, grade: Grade, *, waited: timedelta = AFTER) -> Incident:
    return Incident(name, hazard, grade, ResponseLevel.NONE, IncidentState.REPORTED, 121.5, 31.2, "119", NOW - waited)


def unit(name: str, kind: UnitKind, lon: float, status: UnitStatus = UnitStatus.AVAILABLE) -> Unit:
    return Unit(name, f"440106/unit/s/{name}", kind, name, name, (), status, NOW, None, lon, 31.2, NOW, 0.0, 0.0)


UNITS = [
    unit("f-1", UnitKind.FIRE_ENGINE, 121.51), unit("f-2", UnitKind.FIRE_ENGINE, 121.52), unit("f-3", UnitKind.FIRE_ENGINE, 121.53),
    unit("f-0", UnitKind.FIRE_ENGINE, 121.501, UnitStatus.WORKING), unit("p-1", UnitKind.POLICE_CAR, 121.6),
    unit("a-1", UnitKind.AMBULANCE, 121.6),
]  # fmt: skip


def sent(incidents: list[Incident], policy: Policy) -> list[tuple[str, str]]:
    return [(i.incident_id, u.unit_id) for i, u in choose(incidents, UNITS, policy, NOW)]


def test_a_fire_gets_the_nearest_free_engines_and_what_else_its_grade_asks_for(policy: Policy) -> None:
    assert sent([incident("i", "fire", Grade.III)], policy) == [("i", "f-1"), ("i", "f-2"), ("i", "p-1")]


def test_the_gravest_is_served_first_and_no_unit_goes_twice(policy: Policy) -> None:
    both = sent([incident("small", "fire", Grade.IV), incident("great", "fire", Grade.II)], policy)
    assert both == [("great", "f-1"), ("great", "f-2"), ("great", "f-3"), ("great", "p-1"), ("great", "a-1")]


def test_people_have_their_time_to_act_first(policy: Policy) -> None:
    assert sent([incident("i", "medical", Grade.IV, waited=AFTER - timedelta(seconds=1))], policy) == []


def test_a_class_that_nobody_knows_gets_what_others_get(policy: Policy) -> None:
    assert sent([incident("i", "meteorite", Grade.III)], policy) == [("i", "f-1")]


def test_the_desk_sends_by_the_act_of_a_click_and_once(conn: Connection, policy: Policy) -> None:
    stored(
        conn, replace(an_incident(), hazard_class="medical"), a_unit(), a_status("available", minutes_ago=60), a_position(113.26)
    )
    found = list_open_incidents(conn, Moment.live(NOW))[0]
    later = max(NOW, found.reported_at + AFTER)
    desk = DutyDesk(policy, ZONE)
    assert desk.tick(conn, later - timedelta(minutes=30)) == {"duty_orders_total": 0}
    assert desk.tick(conn, later) == desk.tick(conn, later + LOOKS_EVERY) == {"duty_orders_total": 1}
    assert [(entry.actor, entry.action) for entry in list_entries(conn)] == [(DUTY_DESK.name, "order.issue")]


def test_nobody_is_sent_while_the_units_are_being_switched_on(conn: Connection, policy: Policy) -> None:
    stored(
        conn, replace(an_incident(), hazard_class="medical"), a_unit(), a_status("available", minutes_ago=60), a_position(113.26)
    )
    desk, start = DutyDesk(policy, ZONE), NOW + timedelta(minutes=30)
    assert desk.tick(conn, start) == desk.tick(conn, start + SETTLES_IN - timedelta(seconds=1)) == {"duty_orders_total": 0}
    assert desk.tick(conn, start + SETTLES_IN + LOOKS_EVERY) == {"duty_orders_total": 1}


def test_whoever_calls_a_unit_back_has_time_to_send_another(conn: Connection, policy: Policy) -> None:
    stored(
        conn, replace(an_incident(), hazard_class="medical"), a_unit(), a_status("available", minutes_ago=60), a_position(113.26)
    )
    order = orders.issue(conn, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    desk, called_back = DutyDesk(policy, ZONE), NOW + timedelta(minutes=10)
    desk.tick(conn, called_back - LOOKS_EVERY)
    orders.cancel(conn, order.order_id, COMMANDER, called_back, zone=ZONE)
    assert desk.tick(conn, called_back + LOOKS_EVERY) == {"duty_orders_total": 0}
    assert desk.tick(conn, called_back + AFTER) == {"duty_orders_total": 0}
    assert desk.tick(conn, called_back + LOOKS_EVERY + AFTER) == {"duty_orders_total": 1}


def test_what_a_person_has_answered_is_left_alone(conn: Connection, policy: Policy) -> None:
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    orders.issue(conn, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    assert DutyDesk(policy, ZONE).tick(conn, NOW + timedelta(minutes=30)) == {"duty_orders_total": 0}
