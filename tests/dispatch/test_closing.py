"""Closing incidents at a real database: by the word of a person with the right, or because nobody acted on them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest

from dispatch import closing, orders
from dispatch.closing import Unattended
from domain.incidents import Grade, IncidentState
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from storage import incidents
from storage.audit import list_entries
from storage.connection import Connection, connect
from tests.support.scenes import COMMANDER, NOW, a_status, a_unit, an_incident, minutes, stored

ZONE = ZoneInfo("Asia/Shanghai")
OFFICER = Actor("wang", Role.DUTY_OFFICER)
SIX_HOURS = Unattended(6 * 3600, (Grade.IV,))


@pytest.fixture
def scene(conn: Connection) -> Connection:
    """A fire, and an ambulance that waits at its station."""
    stored(conn, an_incident(), a_unit(), a_status("available", minutes_ago=60))
    return conn


def close(
    conn: Connection, *, ending: str = "closed", reason: str = "处置完毕", actor: Actor = OFFICER, later: float = 0
) -> IncidentState:
    return closing.close(conn, "i-1", actor, NOW + minutes(later), ending=ending, reason=reason, zone=ZONE)


def refusal(conn: Connection, **said: str) -> Refused:
    with pytest.raises(Refused) as refused:
        close(conn, **said)  # type: ignore[arg-type]
    return refused.value


def still_open(conn: Connection, later: float = 0) -> list[str]:
    return [incident.incident_id for incident in incidents.list_open_incidents(conn, Moment.live(NOW + minutes(later)))]


@pytest.mark.parametrize("ending", [IncidentState.CLOSED, IncidentState.FALSE_ALARM])
def test_a_person_ends_an_incident_with_a_reason(scene: Connection, ending: IncidentState) -> None:
    assert close(scene, ending=ending.value, reason=" 现场无火情 ") is ending
    assert still_open(scene) == []
    (entry,) = list_entries(scene)
    assert (entry.actor, entry.action, entry.object, entry.outcome) == ("wang", "incident.close", "i-1", "done")
    assert entry.detail == {"ending": ending.value, "reason": "现场无火情"}
    rows = scene.execute("SELECT state, actor, response_level FROM incident_history ORDER BY valid_from").fetchall()
    assert rows == [("reported", None, "none"), (ending.value, "wang", "none")]


def test_an_incident_that_has_ended_is_not_closed_again(scene: Connection) -> None:
    close(scene, later=1)
    assert refusal(scene).en == "incident i-1 has been closed since 09:01: there is nothing to close"
    assert [entry.outcome for entry in list_entries(scene)] == ["refused", "done"]


def test_an_incident_with_a_unit_on_it_is_not_closed_over_its_head(scene: Connection) -> None:
    order = orders.issue(scene, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    assert refusal(scene).code == "incident_attended"
    orders.cancel(scene, order.order_id, COMMANDER, NOW + minutes(1), zone=ZONE)
    assert close(scene, later=2) is IncidentState.CLOSED


def test_no_unit_is_sent_to_an_incident_that_was_closed(scene: Connection) -> None:
    close(scene)
    with pytest.raises(Refused, match="incident i-1 is closed: no unit can be sent to it"):
        orders.issue(scene, "i-1", "a-1", COMMANDER, NOW + minutes(1), zone=ZONE, order_expiry_s=120)


@pytest.mark.parametrize(
    ("said", "code"),
    [({"reason": "  "}, "reason_missing"), ({"ending": "merged"}, "ending_unknown"), ({"ending": "over"}, "ending_unknown")],
)
def test_a_closing_says_how_it_ended_and_why(scene: Connection, said: dict[str, str], code: str) -> None:
    assert refusal(scene, **said).code == code
    assert still_open(scene) == ["i-1"]


def test_who_has_no_right_closes_nothing(scene: Connection) -> None:
    with pytest.raises(Refused) as refused:
        close(scene, actor=Actor("guest", Role.AUDITOR))
    assert refused.value.code == "no_right"
    assert still_open(scene) == ["i-1"]


def test_an_incident_of_an_exercise_is_known_in_it_alone(scene: Connection) -> None:
    scene.execute("UPDATE incident SET exercise_id = 'ex-1'")
    assert refusal(scene).code == "incident_unknown"
    closing.close(scene, "i-1", OFFICER, NOW, ending="closed", reason="done", zone=ZONE, exercise_id="ex-1")
    assert scene.execute("SELECT closed_at IS NOT NULL FROM incident").fetchone() == (True,)


def test_of_a_closing_and_an_order_at_the_same_moment_one_wins(scene: Connection, database_url: str) -> None:
    ready = Barrier(2)

    def send() -> str:
        with connect(database_url) as own:
            ready.wait()
            orders.issue(own, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
            return "sent"

    def end() -> str:
        with connect(database_url) as own:
            ready.wait()
            return close(own).value

    with ThreadPoolExecutor(2) as both:
        asked = [both.submit(send), both.submit(end)]
    won = [future.result() for future in asked if future.exception() is None]
    assert len(won) == 1
    assert still_open(scene, 1) == (["i-1"] if won == ["sent"] else [])


def test_ordinary_incidents_nobody_acted_on_are_closed_by_the_system(conn: Connection) -> None:
    stored(
        conn,
        an_incident("old", grade=Grade.IV, minutes_ago=361), an_incident("new", grade=Grade.IV, minutes_ago=359),
        an_incident("grave", grade=Grade.III, minutes_ago=999),
    )  # fmt: skip
    assert closing.close_unattended(conn, SIX_HOURS, NOW) == ["old"]
    assert still_open(conn) == ["grave", "new"]
    (entry,) = list_entries(conn)
    assert (entry.actor, entry.role, entry.action, entry.object) == ("dispatcher", "system", "incident.close", "old")
    assert entry.detail == {"ending": "closed", "reason": "unattended", "after_s": 21600}
    assert closing.close_unattended(conn, SIX_HOURS, NOW) == []


def test_what_somebody_acted_on_waits_for_somebody_as_long_as_if_it_were_new(conn: Connection) -> None:
    """A unit was sent and called back: the incident is reported as before, but only since then."""
    stored(conn, an_incident(grade=Grade.IV, minutes_ago=999), a_unit(), a_status("available", minutes_ago=60))
    order = orders.issue(conn, "i-1", "a-1", COMMANDER, NOW, zone=ZONE, order_expiry_s=120)
    orders.cancel(conn, order.order_id, COMMANDER, NOW + minutes(1), zone=ZONE)
    assert closing.close_unattended(conn, SIX_HOURS, NOW + minutes(360)) == []
    assert closing.close_unattended(conn, SIX_HOURS, NOW + minutes(362)) == ["i-1"]


def test_the_policy_may_say_never(conn: Connection) -> None:
    stored(conn, an_incident(grade=Grade.IV, minutes_ago=99_999))
    assert closing.close_unattended(conn, Unattended(0, (Grade.IV,)), NOW) == []
    assert closing.close_unattended(conn, Unattended(3600, ()), NOW) == []


def test_what_belongs_to_an_exercise_is_left_to_it(conn: Connection) -> None:
    stored(conn, an_incident(grade=Grade.IV, minutes_ago=999))
    conn.execute("UPDATE incident SET exercise_id = 'ex-1'")
    assert closing.close_unattended(conn, SIX_HOURS, NOW) == []


def test_many_are_closed_a_round_at_a_time_oldest_first(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "AT_ONCE", 2)
    stored(conn, *(an_incident(f"i-{k}", grade=Grade.IV, minutes_ago=500 + k) for k in range(3)))
    assert closing.close_unattended(conn, SIX_HOURS, NOW) == ["i-2", "i-1"]
    assert closing.close_unattended(conn, SIX_HOURS, NOW) == ["i-0"]
