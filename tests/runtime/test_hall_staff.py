"""The demonstration's staff office: whom nobody has seen becomes known, as if a manager had said so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.halls import ServiceItem
from gis_data.city import City
from iot.simulated.halls import halls_of
from runtime.hall_staff import LOOKS_EVERY, SETTLES_IN, STAFF_OFFICE, StaffOffice
from staffing.practice import HallPractice
from storage import rosters
from storage.audit import list_entries
from storage.connection import Connection
from tests.support.scenes import NOW, a_device, a_state, stored


@pytest.fixture
def hall(conn: Connection, small_city: City):  # type: ignore[no-untyped-def]
    hall = halls_of(small_city, 20260301)[0]
    attributes = (("name_zh", hall.name_zh), ("capabilities", ";".join(hall.items)))
    stored(
        conn, a_device(hall.device_id, type_name="ServiceHall", properties=(), mode="on_change", interval_s=3600, attributes=attributes),
        a_state("online", device_id=hall.device_id),
    )  # fmt: skip
    return hall


def test_clerks_whom_nobody_has_seen_are_registered_once_by_the_same_act(conn: Connection, hall) -> None:  # type: ignore[no-untyped-def]
    seen = hall.clerks[0].pseudonym
    rosters.note_seen(conn, hall.hall_id, {seen: {ServiceItem.TAX}}, week_h=40.0, actor="halls", now=NOW)
    office = StaffOffice([hall], HallPractice())
    assert office.tick(conn, NOW) == {"clerks_registered_total": 0}, "the halls say first who works there"
    for n in range(3):
        told = office.tick(conn, NOW + SETTLES_IN + n * LOOKS_EVERY)
    known = {clerk.clerk: clerk for clerk in rosters.list_clerks(conn, hall.hall_id)}
    assert told == {"clerks_registered_total": len(hall.clerks) - 1}
    assert set(known) == {clerk.pseudonym for clerk in hall.clerks}
    assert known[seen].skills == (ServiceItem.TAX,)
    last = hall.clerks[-1]
    assert set(known[last.pseudonym].skills) == {str(item) for item in last.skills}
    assert {(e.actor, e.action) for e in list_entries(conn, limit=100)} == {(STAFF_OFFICE.name, "clerk.set")}


def test_a_hall_that_has_not_spoken_yet_is_looked_at_again(conn: Connection, small_city: City) -> None:
    office = StaffOffice(halls_of(small_city, 20260301)[:1], HallPractice())
    office.tick(conn, NOW)
    for n in range(3):
        assert office.tick(conn, NOW + SETTLES_IN + timedelta(minutes=n)) == {"clerks_registered_total": 0}
