"""A situation becomes an incident with all its warnings as evidence; maintenance is planned in the city's own time."""

from __future__ import annotations

from dataclasses import replace

from alerts.practice import Bonds, WarningPractice
from alerts.service import Watch
from dashboard.app import create_app
from domain.moments import Moment
from storage import situations
from storage.connection import Connection
from storage.rules import seed_rules
from tests.dashboard.conftest import House, ask
from tests.dashboard.test_incidents import act
from tests.support.outward import AGENCY
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, stored

STATIONS = [STATION.replace("air-1", f"air-{k}") for k in range(1, 5)]


def gathered(conn: Connection) -> int:
    """Four stations of one place warn at once: a situation. Its number."""
    seed_rules(conn, [replace(a_rule(), raise_hold_s=0, hazard_class="air_pollution")], now=NOW)
    stored(conn, *map(a_device, STATIONS), *(a_reading(110, device_id=station) for station in STATIONS))
    Watch(AGENCY, practice=WarningPractice(bonds=Bonds(least=3))).tick(conn, NOW)
    (found,) = situations.list_open_situations(conn, Moment.live(NOW))
    return found.number


def test_a_situation_is_promoted_with_all_its_warnings(house: House, database_url: str, conn: Connection) -> None:
    number = gathered(conn)
    app = create_app(house(database_url))
    made = act(app, "incident.promote", kind="situation", source=str(number), grade="III")
    assert made["outcome"] == "done", made
    dossier = ask(app, f"/api/incidents/{made['object_id']}").json
    found = situations.find_situation(conn, number, Moment.live(NOW))
    assert found is not None
    assert {(one["kind"], one["source"]) for one in dossier["sources"]} == {("warning", member) for member in found.members}
    assert len(found.members) == 4
    assert dossier["incident"]["hazard"] == "air_pollution"


def test_a_situation_that_is_not_there_is_no_incident(house: House, database_url: str, conn: Connection) -> None:
    app = create_app(house(database_url))
    told = act(app, "incident.promote", kind="situation", source="7", grade="III")
    assert (told["outcome"], told["zh"]) == ("refused", "没有进行中的态势 7")
    assert conn.execute("SELECT count(*) FROM incident").fetchone() == (0,)


def test_maintenance_is_planned_in_the_times_of_the_city(house: House, database_url: str, conn: Connection) -> None:
    """09:00 in Shanghai is NOW; a browser's field says no offset."""
    app = create_app(house(database_url))
    said = {"from": "2026-03-02T09:30", "until": "2026-03-02T11:00", "reason": "检修", "districts": "440106"}
    assert act(app, "maintenance.plan", **said)["outcome"] == "done"
    ((begins, until),) = conn.execute("SELECT begins_at, until FROM maintenance").fetchall()
    assert [(at - NOW).total_seconds() / 60 for at in (begins, until)] == [30, 120]
    assert act(app, "maintenance.plan", **{**said, "from": "2026-03-02"})["outcome"] == "refused", "a day is no time"
