"""Acts on roads and free units: done once, refused with a sentence, in the audit either way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch import acts, orders, service
from dispatch.acts import Base
from domain.closures import Closure
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role, Scope
from storage import closures, outbox, stand_bys
from storage.audit import list_entries
from storage.connection import Connection
from tests.support.scenes import AMBULANCE, COMMANDER, NOW, a_status, a_unit, an_ack, an_incident, minutes, stored

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


def stand_bys_now(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute("SELECT state, why, settled_at FROM stand_by ORDER BY issued_at").fetchall()


def settled(conn: Connection, later: float) -> list[tuple[Any, ...]]:
    """What the dispatcher makes of stand-bys so many minutes after they were given."""
    for open_one in stand_bys.list_open(conn):
        service.settle_move(conn, open_one, NOW + minutes(later))
    return stand_bys_now(conn)


def silent(conn: Connection, later: float, waiting_s: float = 30) -> list[tuple[str, bool]]:
    now = NOW + minutes(later)
    found = stand_bys.list_unanswered(conn, now, waiting_s=waiting_s, since=now - minutes(30))
    return [(each.unit_id, each.lapsed_at is not None) for each in found]


@pytest.mark.parametrize(("answer", "state", "why"), [("accepted", "accepted", None), ("declined", "declined", "declined")])
def test_the_answer_of_a_unit_settles_where_it_stands_by(scene: Connection, answer: str, state: str, why: str | None) -> None:
    command_id = move(scene)
    assert settled(scene, 0.1) == [("issued", None, None)]
    assert silent(scene, 0.4) == []
    assert silent(scene, 0.6) == [("a-1", False)]
    stored(scene, an_ack(command_id, answer, minutes_ago=-0.7))
    assert settled(scene, 1) == [(state, why, NOW + minutes(0.7))]
    assert silent(scene, 1) == []
    assert stand_bys.list_moving(scene, NOW + minutes(1)) == ({"a-1"} if answer == "accepted" else set())
    assert stand_bys.list_moving(scene, NOW + minutes(2)) == set()


def test_a_unit_that_does_not_answer_where_it_stands_by_is_raised_until_it_speaks(scene: Connection) -> None:
    move(scene)
    assert settled(scene, 1.9) == [("issued", None, None)]
    assert settled(scene, 2) == [("expired", "not_sent", NOW + minutes(2))]
    assert outbox.list_sendable(scene) == []
    assert silent(scene, 5) == [("a-1", True)]
    (entry, *_) = list_entries(scene)
    assert (entry.actor, entry.action, entry.object, entry.detail["lapsed"]) == (
        "dispatcher",
        "unit.stand_by",
        "a-1 → ems-002",
        "not_sent",
    )
    assert silent(scene, 40) == []
    stored(scene, a_status("available", minutes_ago=-6))
    assert silent(scene, 7) == []


def test_a_unit_that_is_sent_to_an_incident_need_not_answer_where_it_stands_by(scene: Connection) -> None:
    move(scene)
    orders.issue(scene, "i-1", "a-1", COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)
    assert settled(scene, 1.1) == [("cancelled", "sent", NOW + minutes(1.1))]
    assert [command.payload["cmd"] for command in outbox.list_sendable(scene)] == ["dispatch"]
    assert silent(scene, 5) == []


def test_what_somebody_else_has_settled_stays_so(scene: Connection) -> None:
    move(scene)
    (open_one,) = stand_bys.list_open(scene)
    settled(scene, 3)
    service.settle_move(scene, open_one, NOW + minutes(4))
    assert stand_bys_now(scene) == [("expired", "not_sent", NOW + minutes(3))]
    assert len([e for e in list_entries(scene) if e.actor == "dispatcher"]) == 1
