"""Messages from outside at a real database: taken in once, merged with our own, changed and ended by their references."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.drafting import Wish
from alerts.publishing import publish
from alerts.receiving import Inbox, expire, receive, take_in
from domain.moments import Moment
from domain.publications import Relation
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from domain.warnings import LevelThreshold, ThresholdRule, Warning, WarningLevel, WarningSource, WarningState
from storage import approvals, external
from storage.audit import list_entries
from storage.connection import Connection, connect
from storage.external import ExternalAlert, Refusal
from storage.warnings import find_warning, list_open_warnings, open_warning
from tests.support.outward import EVIDENCE, GROUND, opened
from tests.support.scenes import NOW, STATION, a_device, minutes, stored

FOREIGN = (Path(__file__).parent / "cap/foreign.xml").read_bytes()
INBOX = Inbox("warning@city.example")
RAIN = ThresholdRule(
    "rain", 1, "precipitation", "above", (LevelThreshold(WarningLevel.YELLOW, 50, 45),), 0, 0, "rainstorm", "暴雨", "Rainstorm",
)  # fmt: skip


def take(conn: Connection, raw: bytes = FOREIGN, later: float = 0) -> ExternalAlert:
    taken = take_in(conn, raw, "weather", "a.xml", NOW + minutes(later), inbox=INBOX)
    assert isinstance(taken, ExternalAlert), taken
    return taken


def follow(msg_type: str, number: int, *, response: str = "", severity: str = "Severe", event: str = "暴雨橙色预警") -> bytes:
    """A later message of the same office that refers to the first."""
    refers = (
        b"<cap:references>weather@province.example,44010041600000_20260302085500_1,2026-03-02T08:55:00+08:00</cap:references>"
    )
    raw = FOREIGN.replace(b"085500_1</cap:id", b"085500_%d</cap:id" % number).replace(
        b":00+08:00</cap:sent>", b":%02d+08:00</cap:sent>" % number
    )
    raw = raw.replace(b">Alert<", b">%s<" % msg_type.encode()).replace(b">Public</cap:scope>", b">Public</cap:scope>" + refers)
    raw = raw.replace("暴雨橙色预警</cap:event>".encode(), f"{event}</cap:event>".encode() + response.encode())
    return raw.replace(b">Severe<", b">%s<" % severity.encode())


def foreign(conn: Connection, later: float = 1) -> list[Warning]:
    return [w for w in list_open_warnings(conn, Moment.live(NOW + minutes(later))) if w.source is WarningSource.EXTERNAL_CAP]


def rain(conn: Connection, district: str = "440106") -> str:
    """Our own warning of rain, in the middle of the area of the message."""
    stored(conn, a_device(name="北站"))
    found = open_warning(
        conn, RAIN, WarningLevel.YELLOW, identifier="99010000100100_20260302085900_0", object_id="7", device_id=STATION, now=NOW - minutes(1),
        evidence={**EVIDENCE, "district": district},
    )  # fmt: skip
    assert found is not None
    return found


def test_a_message_opens_a_warning_with_its_level_place_and_words(conn: Connection) -> None:
    taken = take(conn)
    assert taken.relation is Relation.OPENED
    (warning,) = foreign(conn)
    assert (warning.level, warning.hazard_class, warning.state) == (WarningLevel.ORANGE, "rainstorm", WarningState.CANDIDATE)
    assert warning.zh == "示例气象台发布暴雨橙色预警"
    assert warning.object_id == "weather@province.example,44010041600000_20260302085500_1"
    assert (round(warning.lon or 0, 2), round(warning.lat or 0, 2)) == (113.25, 23.15)
    assert warning.evidence["sender_name"] == "示例气象台"
    assert warning.evidence["area"]["type"] == "Polygon"
    assert taken.warning_id == warning.warning_id


def test_the_same_message_again_changes_nothing(conn: Connection) -> None:
    first = take(conn)
    for later in (1, 2):
        again = take(conn, later=later)
        assert (again.relation, again.external_id, again.warning_id) == (Relation.DUPLICATE, first.external_id, first.warning_id)
    assert len(foreign(conn)) == 1
    assert len(external.list_alerts(conn, limit=9)) == 1


def test_two_who_take_in_the_same_at_once_take_it_once(conn: Connection, database_url: str) -> None:
    start, relations = Barrier(2), []

    def go() -> None:
        with connect(database_url) as own:
            start.wait()
            relations.append(take(own).relation.value)

    threads = [Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(relations) == ["duplicate", "opened"]
    assert len(foreign(conn)) == 1


def test_an_update_changes_the_level_and_a_cancel_ends_it(conn: Connection) -> None:
    number = take(conn).warning_id
    assert number is not None
    raised = take(conn, follow("Update", 2, severity="Extreme"), 1)
    assert (raised.relation, raised.warning_id) == (Relation.CHANGED, number)
    (warning,) = foreign(conn, 2)
    assert warning.level is WarningLevel.RED
    ended = take(conn, follow("Cancel", 3), 3)
    assert (ended.relation, ended.warning_id) == (Relation.ENDED, number)
    after = find_warning(conn, number, Moment.live(NOW + minutes(4)))
    assert after is not None
    assert after.state is WarningState.CANCELLED


def test_an_all_clear_lifts_it(conn: Connection) -> None:
    number = take(conn).warning_id
    assert number is not None
    taken = take(conn, follow("Update", 2, response="<cap:responseType>AllClear</cap:responseType>"), 1)
    assert taken.relation is Relation.ENDED
    after = find_warning(conn, number, Moment.live(NOW + minutes(2)))
    assert after is not None
    assert after.state is WarningState.LIFTED


def test_what_ends_nothing_is_noted(conn: Connection) -> None:
    taken = take(conn, follow("Cancel", 3))
    assert (taken.relation, taken.said_en) == (Relation.NOTED, "there is no open warning that it could end")
    assert foreign(conn) == []


def test_its_own_end_ends_it(conn: Connection) -> None:
    take(conn)
    assert expire(conn, NOW + minutes(354)) == 0
    assert expire(conn, NOW + minutes(355)) == 1
    assert foreign(conn, 356) == []


def test_the_same_event_at_the_same_place_is_linked_to_our_own(conn: Connection) -> None:
    ours = rain(conn)
    taken = take(conn)
    assert (taken.relation, taken.warning_id) == (Relation.LINKED, ours)
    assert taken.said_en == "of the same hazard and place as 99010000100100_20260302085900_0 of ours"
    assert foreign(conn) == []
    assert take(conn, follow("Update", 2), 1).relation is Relation.LINKED
    warning = find_warning(conn, ours, Moment.live(NOW + minutes(2)))
    assert warning is not None
    assert (warning.level, warning.state) == (WarningLevel.YELLOW, WarningState.CANDIDATE), "ours stays as our rule has it"


@pytest.mark.parametrize(
    ("before", "after"),
    [("暴雨橙色预警</cap:event>", "大风橙色预警</cap:event>"), ("23.1,113.2 23.1,113.3 23.2,113.3 23.2,113.2 23.1,113.2", "24.1,113.2 24.1,113.3 24.2,113.3 24.1,113.2")],
)  # fmt: skip
def test_another_event_or_another_place_is_another_warning(conn: Connection, before: str, after: str) -> None:
    rain(conn)
    raw = FOREIGN.replace(before.encode(), after.encode()).replace(b">440106<", b">440107<")
    assert take(conn, raw).relation is Relation.OPENED


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (b">Actual<", b">Exercise<", "its status is Exercise: it warns of nothing"),
        (b">Actual<", b">Test<", "its status is Test: it warns of nothing"),
        (b">Actual<", b">Echt<", "its status is Echt: it warns of nothing"),
        (b">Alert<", b">Ack<", "its type is Ack: it warns of nothing"),
        (b"T14:55:00+08:00</cap:expires>", b"T08:56:00+08:00</cap:expires>", "it expired at 2026-03-02T08:56:00+08:00"),
    ],
)  # fmt: skip
def test_what_warns_of_nothing_is_noted_with_the_reason(conn: Connection, before: bytes, after: bytes, said: str) -> None:
    taken = take(conn, FOREIGN.replace(before, after))
    assert taken.relation is Relation.NOTED
    assert taken.said_en.startswith(said)
    assert foreign(conn) == []


def test_our_own_message_that_comes_back_is_known(conn: Connection) -> None:
    rule = approvals.find_rule(conn, Action.PUBLISH_WARNING)
    assert rule is not None
    approvals.set_rule(conn, replace(rule, is_required=False))
    said = publish(conn, Action.PUBLISH_WARNING, opened(conn), Wish({}), Actor("wang", Role.DUTY_OFFICER), NOW, ground=GROUND)
    assert take(conn, said.cap.encode()).relation is Relation.OWN
    relayed = said.cap.replace("<sender>warning@city.example", "<sender>relay@province.example")
    assert take(conn, relayed.encode(), 1).relation is Relation.OWN
    assert foreign(conn, 2) == []


def test_an_unknown_severity_is_the_mildest_with_a_remark(conn: Connection) -> None:
    taken = take(conn, FOREIGN.replace(b">Severe<", b">Grave<"))
    assert "severity of the CAP message is 'Grave'" in taken.said_en
    (warning,) = foreign(conn)
    assert warning.level is WarningLevel.BLUE
    assert warning.evidence["severity"] == "Grave"
    assert warning.evidence["remarks"][0]["en"].startswith("severity of the CAP message is 'Grave'")


def test_what_cannot_be_read_is_kept_once_with_its_sentence(conn: Connection) -> None:
    for _ in range(3):
        refused = take_in(conn, b"<!DOCTYPE a><a/>", "weather", "bad.xml", NOW, inbox=INBOX)
        assert isinstance(refused, Refusal)
    (kept,) = external.list_refusals(conn, limit=9)
    assert (kept.name, kept.said_en.startswith("the message has a document type")) == ("bad.xml", True)


def test_who_gives_one_in_needs_the_right_and_is_audited(conn: Connection) -> None:
    with pytest.raises(Refused, match="has no right to take in a warning from outside"):
        receive(conn, FOREIGN.decode(), Actor("zhao", Role.DISPATCHER), NOW, inbox=INBOX)
    with pytest.raises(Refused, match="the message is no XML"):
        receive(conn, "<a", Actor("he", Role.OPERATOR), NOW, inbox=INBOX)
    assert receive(conn, FOREIGN.decode(), Actor("he", Role.OPERATOR), NOW, inbox=INBOX).relation is Relation.OPENED
    assert [(e.actor, e.outcome) for e in list_entries(conn)] == [("he", "done"), ("he", "refused"), ("zhao", "refused")]


def test_the_same_name_sent_anew_is_a_change_of_the_same(conn: Connection) -> None:
    take(conn)
    anew = re.sub(rb"08:55:00(\+08:00</cap:sent>)", rb"08:58:00\1", FOREIGN)
    assert take(conn, anew, 1).relation is Relation.CHANGED
    assert len(foreign(conn, 2)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([FOREIGN, FOREIGN, follow("Update", 2, severity="Extreme"), follow("Update", 2, severity="Extreme")]))
def test_the_order_and_repetition_of_messages_leave_one_warning(conn: Connection, messages: list[bytes]) -> None:
    try:
        with conn.transaction(force_rollback=True):
            for k, raw in enumerate(messages):
                take(conn, raw, k / 10)
            assert len(external.list_alerts(conn, limit=9)) == 2
            assert len({w.object_id for w in foreign(conn)}) == len(foreign(conn))
            assert 1 <= len(foreign(conn)) <= 2
    finally:
        assert foreign(conn) == []
