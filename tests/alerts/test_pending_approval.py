"""A warning waits while its publication waits for a second person, and is again what it was when that comes to nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

import access.approvals
from alerts import acts
from alerts.drafting import read_wish
from alerts.publishing import publish
from alerts.service import Watch
from domain.approvals import Approval
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from domain.warnings import WarningState
from storage import approvals, attention
from storage.connection import Connection
from storage.warnings import find_warning
from tests.support.outward import AGENCY, GROUND, ZONE, opened
from tests.support.scenes import NOW, minutes

LI, WANG = Actor("li", Role.COMMANDER), Actor("wang", Role.COMMANDER)


@pytest.fixture
def warning_id(conn: Connection) -> str:
    return opened(conn)


def ask(conn: Connection, warning_id: str, at: datetime = NOW) -> Approval:
    rule = access.approvals.needs_second_person(conn, Action.PUBLISH_WARNING, {})
    assert rule is not None
    return access.approvals.ask(conn, rule, {"warning": warning_id, "audiences": "operators"}, LI, at, reason="水位上涨")


def state(conn: Connection, warning_id: str, minute: float) -> WarningState:
    Watch(AGENCY).tick(conn, NOW + minutes(minute))
    found = find_warning(conn, warning_id, Moment.live(NOW + minutes(minute + 0.01)))
    assert found is not None
    return found.state


def test_a_warning_waits_while_its_publication_does_and_says_who_asked(conn: Connection, warning_id: str) -> None:
    assert state(conn, warning_id, 0.1) is WarningState.CANDIDATE
    ask(conn, warning_id, NOW + minutes(0.2))
    assert state(conn, warning_id, 0.3) is WarningState.PENDING_APPROVAL
    assert state(conn, warning_id, 0.4) is WarningState.PENDING_APPROVAL
    rows = conn.execute("SELECT state, actor, comment FROM warning_history ORDER BY valid_from").fetchall()
    assert rows == [("candidate", None, None), ("pending_approval", "li", None)]
    with pytest.raises(Refused, match="pending approval"):
        acts.handle(conn, warning_id, WANG, NOW + minutes(1), zone=ZONE)
    assert attention.list_waiting(conn, NOW + minutes(1)) == [], "nobody is reminded of what two persons look at"


def test_what_is_refused_is_again_what_it_was(conn: Connection, warning_id: str) -> None:
    acts.verify(conn, warning_id, WANG, NOW + minutes(0.05))
    asked = ask(conn, warning_id)
    assert state(conn, warning_id, 0.1) is WarningState.PENDING_APPROVAL
    access.approvals.decide(conn, asked.approval_id, WANG, NOW + minutes(1), verdict="reject", reason="未到阈值")
    assert state(conn, warning_id, 1.1) is WarningState.VERIFIED


def test_what_is_not_decided_in_time_is_again_what_it_was(conn: Connection, warning_id: str) -> None:
    asked = ask(conn, warning_id)
    assert state(conn, warning_id, 0.1) is WarningState.PENDING_APPROVAL
    late = (asked.expires_at - NOW) / timedelta(minutes=1) + 1
    assert state(conn, warning_id, late) is WarningState.CANDIDATE


def test_what_is_agreed_to_goes_straight_on_to_published(conn: Connection, warning_id: str) -> None:
    asked = ask(conn, warning_id)
    state(conn, warning_id, 0.1)
    access.approvals.decide(conn, asked.approval_id, WANG, NOW + minutes(1), verdict="approve")
    assert state(conn, warning_id, 1.05) is WarningState.PENDING_APPROVAL, "it is about to be carried out"
    wish = read_wish({"audiences": "operators"})
    rule = approvals.find_rule(conn, Action.PUBLISH_WARNING)
    assert rule is not None
    approvals.set_rule(conn, replace(rule, is_required=False))  # how an agreement is used up, tests/access tells
    publish(conn, Action.PUBLISH_WARNING, warning_id, wish, LI, NOW + minutes(1.1), ground=GROUND)
    assert state(conn, warning_id, 1.2) is WarningState.PUBLISHED
    rows = conn.execute("SELECT state FROM warning_history ORDER BY valid_from").fetchall()
    assert [row[0] for row in rows] == ["candidate", "pending_approval", "published"]


def test_what_somebody_has_in_hand_stays_there(conn: Connection, warning_id: str) -> None:
    acts.acknowledge(conn, warning_id, WANG, NOW + minutes(0.05))
    ask(conn, warning_id)
    assert state(conn, warning_id, 0.1) is WarningState.ACKNOWLEDGED
