"""Incidents, requests, detections and hall events: stored once, read as known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic, sleep

import pytest
from psycopg.errors import UniqueViolation

from domain.batches import BatchCounts
from domain.halls import HallEventKind
from domain.incidents import Grade, Incident, IncidentClosing, IncidentState, ResponseLevel
from domain.moments import Moment
from storage import incidents
from storage.connection import Connection, connect
from tests.support.scenes import HOTLINE, NOW, a_detection, a_hall_event, a_request, an_incident, minutes, stored

LIVE = Moment.live(NOW)


def _set(conn: Connection, state: IncidentState, *, minutes_ago: float, recorded_minutes_ago: float | None = None) -> None:
    recorded = minutes_ago if recorded_minutes_ago is None else recorded_minutes_ago
    incidents.set_state(
        conn, "i-1", state, Grade.II, ResponseLevel.III, valid_from=NOW - minutes(minutes_ago),
        recorded_at=NOW - minutes(recorded), actor="li",
    )  # fmt: skip


def test_a_reported_incident_is_open(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10, grade=Grade.III))
    assert incidents.list_open_incidents(conn, LIVE) == [
        Incident("i-1", "fire", Grade.III, ResponseLevel.NONE, IncidentState.REPORTED, 113.25, 23.125, "119", NOW - minutes(10))
    ]


def test_an_incident_reported_again_is_a_duplicate(conn: Connection) -> None:
    stored(conn, an_incident(grade=Grade.III, text="三楼"))
    assert stored(conn, an_incident(grade=Grade.I, text="别的", delay_minutes=3)) == BatchCounts(received=1, duplicate=1)
    (incident,) = incidents.list_open_incidents(conn, LIVE)
    assert incident.grade is Grade.III
    assert conn.execute("SELECT text FROM incident_text").fetchall() == [("三楼",)]


def test_free_text_stands_apart_from_the_incident(conn: Connection) -> None:
    stored(conn, an_incident(text="来电人说三楼起火"), an_incident("i-2"))
    assert conn.execute("SELECT incident_id, text FROM incident_text").fetchall() == [("i-1", "来电人说三楼起火")]
    columns = conn.execute("SELECT column_name FROM information_schema.columns WHERE table_name = 'incident'").fetchall()
    assert ("text",) not in columns


def test_an_incident_that_its_reporter_closes_is_over_once(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10, grade=Grade.II))
    closing = IncidentClosing("i-1", HOTLINE, NOW - minutes(2), NOW - minutes(1))
    assert stored(conn, closing) == BatchCounts(received=1, stored=1)
    assert stored(conn, closing) == BatchCounts(received=1, duplicate=1)
    assert incidents.list_open_incidents(conn, LIVE) == []
    (incident,) = incidents.list_open_incidents(conn, Moment(at=NOW - minutes(3), known_at=NOW - minutes(3)))
    assert incident.grade is Grade.II


def test_a_report_and_its_end_in_one_batch_are_stored_in_their_order(conn: Connection) -> None:
    closing = IncidentClosing("i-1", HOTLINE, NOW - minutes(2), NOW)
    assert stored(conn, closing, an_incident(minutes_ago=10)).stored == 2
    assert incidents.list_open_incidents(conn, LIVE) == []


def test_an_end_that_came_before_a_unit_was_sent_and_is_stored_after_it_ends_the_incident_all_the_same(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10))
    _set(conn, IncidentState.RESPONDING, minutes_ago=1)
    stored(conn, IncidentClosing("i-1", HOTLINE, NOW - minutes(2), NOW - minutes(2)))
    assert incidents.list_open_incidents(conn, LIVE) == []
    assert incidents.get_incident_for_update(conn, "i-1", NOW).state is IncidentState.CLOSED


def test_an_end_that_is_stored_while_a_unit_is_being_sent_waits_and_ends_what_it_finds(
    conn: Connection, database_url: str
) -> None:
    stored(conn, an_incident(minutes_ago=10))
    with connect(database_url) as other, ThreadPoolExecutor(1) as beside:
        with other.transaction():
            incidents.get_incident_for_update(other, "i-1", NOW)
            ending = beside.submit(stored, conn, IncidentClosing("i-1", HOTLINE, NOW - minutes(2), NOW - minutes(2)))
            _wait_until_somebody_waits(other)
            _set(other, IncidentState.RESPONDING, minutes_ago=1)
        assert ending.result().stored == 1
    assert incidents.get_incident_for_update(conn, "i-1", NOW).state is IncidentState.CLOSED


def _wait_until_somebody_waits(conn: Connection) -> None:
    deadline = monotonic() + 10
    while conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchone() is None:
        assert monotonic() < deadline, "nobody waits for the lock"
        sleep(0.01)


def test_the_end_of_an_incident_nobody_reported_changes_nothing(conn: Connection) -> None:
    assert stored(conn, IncidentClosing("i-9", HOTLINE, NOW, NOW)) == BatchCounts(received=1, duplicate=1)


def test_an_incident_goes_through_its_states(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10))
    _set(conn, IncidentState.RESPONDING, minutes_ago=6)
    (incident,) = incidents.list_open_incidents(conn, LIVE)
    assert (incident.state, incident.grade, incident.response_level) == (IncidentState.RESPONDING, Grade.II, ResponseLevel.III)
    _set(conn, IncidentState.CLOSED, minutes_ago=2)
    assert incidents.list_open_incidents(conn, LIVE) == []
    (then,) = incidents.list_open_incidents(conn, Moment.past(NOW - minutes(7)))
    assert then.state is IncidentState.REPORTED


@pytest.mark.parametrize("state", [IncidentState.CLOSED, IncidentState.MERGED, IncidentState.FALSE_ALARM])
def test_an_ended_incident_is_not_listed(conn: Connection, state: IncidentState) -> None:
    stored(conn, an_incident())
    _set(conn, state, minutes_ago=1)
    assert incidents.list_open_incidents(conn, LIVE) == []


def test_incidents_are_shown_as_they_were_known(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=10, delay_minutes=4))
    _set(conn, IncidentState.CLOSED, minutes_ago=3, recorded_minutes_ago=1)
    assert incidents.list_open_incidents(conn, Moment.past(NOW - minutes(8))) == []  # happened, not yet heard of
    assert len(incidents.list_open_incidents(conn, Moment.past(NOW - minutes(8), NOW))) == 1
    assert len(incidents.list_open_incidents(conn, Moment.past(NOW - minutes(2)))) == 1  # over, not yet said
    assert incidents.list_open_incidents(conn, Moment.past(NOW - minutes(2), NOW)) == []


def test_the_gravest_comes_first_then_the_newest(conn: Connection) -> None:
    grades = {"i-1": Grade.IV, "i-2": Grade.I, "i-3": Grade.IV, "i-4": Grade.II}
    stored(conn, *(an_incident(name, minutes_ago=10 - k, grade=grade) for k, (name, grade) in enumerate(grades.items())))
    assert [i.incident_id for i in incidents.list_open_incidents(conn, LIVE)] == ["i-2", "i-4", "i-3", "i-1"]


def test_an_incident_of_an_exercise_is_never_among_the_real_ones(conn: Connection) -> None:
    stored(conn, an_incident("i-1"), an_incident("i-2"))
    conn.execute("UPDATE incident SET exercise_id = 'ex-1' WHERE incident_id = 'i-2'")
    assert [i.incident_id for i in incidents.list_open_incidents(conn, LIVE)] == ["i-1"]
    assert [i.incident_id for i in incidents.list_open_incidents(conn, LIVE, "ex-1")] == ["i-2"]
    assert incidents.list_open_incidents(conn, LIVE, "ex-2") == []


def test_an_incident_to_be_changed_must_be_known(conn: Connection) -> None:
    stored(conn, an_incident())
    assert incidents.get_incident_for_update(conn, "i-1", NOW).state is IncidentState.REPORTED
    with pytest.raises(LookupError, match="incident i-9 is not known: expected one that was reported"):
        incidents.get_incident_for_update(conn, "i-9", NOW)


def test_an_incident_whose_reporter_s_clock_runs_ahead_is_open_at_once_and_can_be_closed(conn: Connection) -> None:
    stored(conn, an_incident(minutes_ago=-4, delay_minutes=-5))  # received a minute ago
    (incident,) = incidents.list_open_incidents(conn, LIVE)
    assert incident.reported_at == NOW - minutes(1)
    assert incidents.get_incident_for_update(conn, "i-1", NOW) == incident
    _set(conn, IncidentState.CLOSED, minutes_ago=0)
    assert incidents.list_open_incidents(conn, LIVE) == []


def test_a_request_delivered_twice_is_stored_once(conn: Connection) -> None:
    stored(conn, a_request(), a_request("r-2"))
    assert stored(conn, a_request(delay_minutes=2)) == BatchCounts(received=1, duplicate=1)
    rows = conn.execute("SELECT request_id, source, request_class, lon, due, exercise_id FROM request ORDER BY 1").fetchall()
    assert rows == [(name, "12345", "waterlogging", 113.25, None, None) for name in ("r-1", "r-2")]


def test_a_detection_delivered_twice_is_stored_once(conn: Connection) -> None:
    stored(conn, a_detection())
    assert stored(conn, a_detection(delay_minutes=2)) == BatchCounts(received=1, duplicate=1)
    assert conn.execute("SELECT detection_class, confidence FROM detection").fetchall() == [("crowd", 0.875)]


def test_a_hall_event_delivered_twice_is_stored_once(conn: Connection) -> None:
    stored(conn, a_hall_event(), a_hall_event(HallEventKind.CALL, event_id="e2"))
    assert stored(conn, a_hall_event(delay_minutes=2)) == BatchCounts(received=1, duplicate=1)
    rows = conn.execute("SELECT hall_id, event, ticket, item FROM hall_event ORDER BY event_id").fetchall()
    assert rows == [("hall-1", "arrive", "A017", "tax"), ("hall-1", "call", "A017", "tax")]


@pytest.mark.parametrize("kind", list(HallEventKind))
def test_every_kind_of_hall_event_is_kept(conn: Connection, kind: HallEventKind) -> None:
    stored(conn, a_hall_event(kind))
    assert conn.execute("SELECT event FROM hall_event").fetchall() == [(kind.value,)]


def test_a_call_never_passes_for_the_copy_of_another_desk_s(conn: Connection) -> None:
    """Two desks of one name in one district: the second is refused by name, in one batch as well as later."""
    mine, other = an_incident("i-1"), replace(an_incident("i-1"), device_id="440106/emergency/east/desk-1")
    with pytest.raises(
        UniqueViolation, match=r"incident i-1 of 440106/emergency/east/desk-1 was reported by .*rename one of the two"
    ):
        stored(conn, mine, other)
    stored(conn, mine)
    stored(conn, mine)
    with pytest.raises(UniqueViolation):
        stored(conn, other)
