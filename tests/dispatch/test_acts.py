"""Acts on roads and free units: done once, refused with a sentence, in the audit either way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch import acts, orders
from dispatch.acts import Base
from domain.closures import Closure
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role, Scope
from storage import closures, outbox
from storage.audit import list_entries
from storage.connection import Connection
from tests.support.scenes import AMBULANCE, COMMANDER, NOW, a_status, a_unit, an_incident, minutes, stored

ZONE = ZoneInfo("Asia/Shanghai")
LINE = {"type": "LineString", "coordinates": [[113.25, 23.12], [113.26, 23.12]]}
STATION = Base("ems-002", 113.3, 23.2)


def close(conn: Connection, *, later: float = 0, actor: Actor = COMMANDER, **said: Any) -> Closure:
    asked = {"reason": "塌陷", "drawn": LINE, **said}
    return acts.close_road(conn, asked.pop("drawn"), actor, NOW + minutes(later), **asked)


def closed(conn: Connection, later: float = 0) -> list[str]:
    return [c.closure_id for c in closures.list_closures(conn, Moment.live(NOW + minutes(later)))]


def test_a_road_is_closed_until_a_time_and_opens_by_itself(conn: Connection) -> None:
    closure = close(conn, until=NOW + timedelta(hours=2))
    assert (closure.geometry, closure.actor) == (LINE, "li")
    assert (closed(conn, 119), closed(conn, 120)) == ([closure.closure_id], [])
    (entry,) = list_entries(conn)
    assert (entry.action, entry.object, entry.outcome, entry.detail["reason"]) == (
        "road.close",
        closure.closure_id,
        "done",
        "塌陷",
    )


def test_it_is_opened_once_and_was_closed_until_then(conn: Connection) -> None:
    closure = close(conn)
    acts.open_road(conn, closure.closure_id, COMMANDER, NOW + minutes(30), zone=ZONE, reason="已修复")
    assert closed(conn, 31) == []
    assert [c.closure_id for c in closures.list_closures(conn, Moment.past(NOW + minutes(29), NOW + minutes(60)))] == [
        closure.closure_id
    ]
    assert [c.closure_id for c in closures.list_closures(conn, Moment.past(NOW + minutes(29)))] == [closure.closure_id]
    with pytest.raises(Refused) as refused:
        acts.open_road(conn, closure.closure_id, COMMANDER, NOW + minutes(40), zone=ZONE)
    assert refused.value.en == f"closure {closure.closure_id} ended at 09:30: the road is open"
    with pytest.raises(Refused) as refused:
        acts.open_road(conn, "c-none", COMMANDER, NOW, zone=ZONE)
    assert refused.value.code == "closure_unknown"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"reason": " "}, "reason_missing"),
        ({"until": NOW}, "until_wrong"),
        ({"until": NOW + timedelta(days=400)}, "until_wrong"),
        ({"drawn": {"type": "Circle", "coordinates": [1, 2]}}, "shape_unreadable"),
        ({"drawn": {"type": "Point", "coordinates": [181, 2]}}, "shape_unreadable"),
        ({"actor": Actor("zhao", Role.LEADER)}, "no_right"),
        (
            {
                "actor": Actor("zhao", Role.DISPATCHER, Scope(districts=frozenset({"440104"}))),
                "district_of": lambda lon, lat: "440106",
            },
            "out_of_area",
        ),
    ],
)
def test_what_cannot_be_closed_is_refused_and_audited(conn: Connection, said: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refused:
        close(conn, **said)
    assert refused.value.code == code
    assert closed(conn) == []
    assert [(e.action, e.outcome) for e in list_entries(conn)] == [("road.close", "refused")]


@pytest.fixture
def scene(conn: Connection) -> Connection:
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    return conn


def move(conn: Connection, later: float = 0) -> str:
    return acts.stand_by(conn, "a-1", STATION.place_id, STATION, COMMANDER, NOW + minutes(later), zone=ZONE, order_expiry_s=120)


def test_a_free_unit_is_told_to_wait_somewhere_else_and_stays_free(scene: Connection) -> None:
    command_id = move(scene)
    (command,) = outbox.list_sendable(scene)
    assert command.topic == f"city/v1/{AMBULANCE}/cmd"
    assert command.payload == {
        "id": command_id, "ts": "2026-03-02T01:00:00Z", "cmd": "stand_by", "place": "ems-002", "position": [113.3, 23.2],
        "expires": "2026-03-02T01:02:00Z",
    }  # fmt: skip
    assert scene.execute("SELECT unit_id, place_id, actor FROM stand_by").fetchall() == [("a-1", "ems-002", "li")]
    orders.issue(scene, "i-1", "a-1", COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)


def test_a_unit_on_an_order_is_not_moved(scene: Connection) -> None:
    orders.issue(scene, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    with pytest.raises(Refused) as refused:
        move(scene, later=1)
    assert refused.value.code == "unit_busy"
    assert list_entries(scene)[0].outcome == "refused"


def test_a_unit_is_not_sent_to_a_place_that_the_city_does_not_have(scene: Connection) -> None:
    with pytest.raises(Refused) as refused:
        acts.stand_by(scene, "a-1", "ems-9", None, COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    assert refused.value.en == "there is no place ems-9: expected the id of a place of the city"
