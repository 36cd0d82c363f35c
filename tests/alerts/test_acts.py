"""What people do with warnings, at a real database: who may, once, and audited either way."""

from __future__ import annotations

import pytest

from alerts import acts
from alerts.acts import acknowledge
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from domain.warnings import (
    AssigneeKind,
    Assignment,
    Warning,
    WarningLevel,
    WarningState,
    WarningTransition,
    WarningVerdict,
)
from storage import accounts, attention, shelves
from storage.audit import list_entries
from storage.connection import Connection
from storage.warnings import find_warning, list_open_warnings, list_steps, open_warning, record_step
from tests.support.scenes import COMMANDER, NOW, STATION, a_device, a_rule, minutes, stored

OFFICER = Actor("wang", Role.DUTY_OFFICER)


@pytest.fixture
def warning_id(conn: Connection) -> str:
    stored(conn, a_device())
    opened = open_warning(
        conn, a_rule(), WarningLevel.BLUE, identifier="99010000100100_20260302090000_0", object_id="1", device_id=STATION,
        now=NOW, evidence={"value": 110},
    )  # fmt: skip
    assert opened is not None
    return opened


def test_a_warning_is_acknowledged_once(conn: Connection, warning_id: str) -> None:
    acknowledge(conn, warning_id, OFFICER, NOW + minutes(2), comment="在看")
    (warning,) = list_open_warnings(conn, Moment.live(NOW + minutes(3)))
    assert (warning.state, warning.evidence) == (WarningState.ACKNOWLEDGED, {"value": 110})
    with pytest.raises(Refused) as refused:
        acknowledge(conn, warning_id, COMMANDER, NOW + minutes(5))
    assert refused.value.zh == "预警已由 wang 于 09:02 签收"
    assert [(e.actor, e.outcome) for e in list_entries(conn)] == [("li", "refused"), ("wang", "done")]


def test_what_is_over_cannot_be_acknowledged(conn: Connection, warning_id: str) -> None:
    record_step(conn, warning_id, WarningState.LIFTED, WarningLevel.BLUE, now=NOW + minutes(1))
    with pytest.raises(Refused, match="the warning was lifted at 09:01"):
        acknowledge(conn, warning_id, OFFICER, NOW + minutes(2))


def test_who_may_not_is_told_so_and_audited(conn: Connection, warning_id: str) -> None:
    with pytest.raises(Refused, match="the role leader has no right to acknowledge a warning"):
        acknowledge(conn, warning_id, Actor("zhao", Role.LEADER), NOW)
    assert [(e.actor, e.outcome) for e in list_entries(conn)] == [("zhao", "refused")]


@pytest.mark.parametrize("unknown", ["w-1", "00000000-0000-0000-0000-000000000000"])
def test_a_warning_that_does_not_exist_is_named(conn: Connection, unknown: str) -> None:
    with pytest.raises(Refused, match=f"there is no warning {unknown}"):
        acknowledge(conn, unknown, OFFICER, NOW)


def test_a_warning_of_an_exercise_is_unknown_outside_it(conn: Connection, warning_id: str) -> None:
    drilled = open_warning(
        conn, a_rule(), WarningLevel.BLUE, identifier="99010000100100_20260302090000_1", object_id="1", device_id=STATION,
        now=NOW, evidence={}, exercise_id="ex-1",
    )  # fmt: skip
    assert drilled is not None
    for known, elsewhere in ((drilled, None), (drilled, "ex-2"), (warning_id, "ex-1")):
        with pytest.raises(Refused, match=f"there is no warning {known}"):
            acknowledge(conn, known, OFFICER, NOW + minutes(1), exercise_id=elsewhere)
    acknowledge(conn, drilled, OFFICER, NOW + minutes(2), exercise_id="ex-1")
    (warning,) = list_open_warnings(conn, Moment.live(NOW + minutes(3)), "ex-1")
    assert warning.state is WarningState.ACKNOWLEDGED
    (real,) = list_open_warnings(conn, Moment.live(NOW + minutes(3)))
    assert real.state is WarningState.CANDIDATE


def the(conn: Connection, minutes_later: float = 60) -> Warning:
    (warning,) = list_open_warnings(conn, Moment.live(NOW + minutes(minutes_later)))
    return warning


def an_account(conn: Connection, name: str) -> None:
    accounts.create_account(
        conn, name, department=None, password_hash=None, must_change=False, subject=None, created_by="test", now=NOW
    )


def test_a_warning_is_verified_acknowledged_and_handled_and_each_step_says_what_it_is(conn: Connection, warning_id: str) -> None:
    acts.verify(conn, warning_id, OFFICER, NOW + minutes(1))
    with pytest.raises(Refused, match="there is nothing to verify"):
        acts.verify(conn, warning_id, OFFICER, NOW + minutes(2))
    acknowledge(conn, warning_id, OFFICER, NOW + minutes(3))
    acts.handle(conn, warning_id, COMMANDER, NOW + minutes(4), comment="派人查看")
    with pytest.raises(Refused, match="the warning has been handling since 09:04"):
        acts.handle(conn, warning_id, COMMANDER, NOW + minutes(5))
    told = [(s.transition, s.state, s.actor) for s in list_steps(conn, warning_id, Moment.live(NOW + minutes(9)))]
    assert told == [
        ("raised", "candidate", None), ("verified", "verified", "wang"), ("acknowledged", "acknowledged", "wang"),
        ("handling", "handling", "li"),
    ]  # fmt: skip


def test_who_acknowledges_looks_after_it_until_it_is_given_to_somebody_else(conn: Connection, warning_id: str) -> None:
    acknowledge(conn, warning_id, OFFICER, NOW + minutes(1))
    assert the(conn).assignment == Assignment(AssigneeKind.ACCOUNT, "wang", "wang", NOW + minutes(1))
    acts.assign(conn, warning_id, COMMANDER, NOW + minutes(2), role="commander")
    given = the(conn).assignment
    assert given is not None
    assert (given.kind, given.to, given.by) == ("role", "commander", "li")
    with pytest.raises(Refused, match="there is no account nobody in use"):
        acts.assign(conn, warning_id, COMMANDER, NOW + minutes(3), account="nobody")
    with pytest.raises(Refused, match="the role is 'wall': expected one of duty_officer, commander"):
        acts.assign(conn, warning_id, COMMANDER, NOW + minutes(3), role="wall")
    with pytest.raises(Refused, match="either an account or a role"):
        acts.assign(conn, warning_id, COMMANDER, NOW + minutes(3))
    before = find_warning(conn, warning_id, Moment.past(NOW + minutes(1.5)))
    assert before is not None
    assert before.assignment is not None
    assert before.assignment.to == "wang", "as it was then"


def test_at_the_end_of_a_shift_everything_of_mine_goes_to_another(conn: Connection, warning_id: str) -> None:
    an_account(conn, "zhou")
    with pytest.raises(Refused, match="wang looks after no open warning"):
        acts.hand_over(conn, OFFICER, NOW + minutes(1), account="zhou")
    acknowledge(conn, warning_id, OFFICER, NOW + minutes(1))
    assert acts.hand_over(conn, OFFICER, NOW + minutes(2), account="zhou") == 1
    given = the(conn).assignment
    assert given is not None
    assert (given.to, given.by) == ("zhou", "wang")
    with pytest.raises(Refused, match="wang looks after no open warning"):
        acts.hand_over(conn, OFFICER, NOW + minutes(3), account="zhou")


def test_the_last_word_on_a_warning_counts_also_after_its_end(conn: Connection, warning_id: str) -> None:
    acts.judge(conn, warning_id, OFFICER, NOW + minutes(1), verdict="right")
    record_step(conn, warning_id, WarningState.LIFTED, WarningLevel.BLUE, now=NOW + minutes(2))
    acts.judge(conn, warning_id, COMMANDER, NOW + minutes(3), verdict="false_alarm", words="校准")
    found = find_warning(conn, warning_id, Moment.live(NOW + minutes(4)))
    assert found is not None
    assert found.verdict is WarningVerdict.FALSE_ALARM
    said = [
        (one.verdict, one.by, one.words) for one in attention.list_judgements(conn, warning_id, Moment.live(NOW + minutes(4)))
    ]
    assert said == [("right", "wang", None), ("false_alarm", "li", "校准")]
    with pytest.raises(Refused, match="expected one of right, false_alarm, test"):
        acts.judge(conn, warning_id, OFFICER, NOW + minutes(5), verdict="maybe")


def test_what_is_not_true_is_dismissed_and_not_heard_of_for_a_while(conn: Connection, warning_id: str) -> None:
    acts.dismiss(conn, warning_id, OFFICER, NOW + minutes(1), reason="传感器检修")
    assert list_open_warnings(conn, Moment.live(NOW + minutes(2))) == []
    again = open_warning(
        conn, a_rule(), WarningLevel.BLUE, identifier="99010000100100_20260302090200_1", object_id="1", device_id=STATION,
        now=NOW + minutes(2), evidence={},
    )  # fmt: skip
    assert again is not None
    assert the(conn, 3).shelving is not None
    assert attention.list_waiting(conn, NOW + minutes(3)) == []
    (waiting,) = attention.list_waiting(conn, NOW + minutes(61))
    assert waiting.since == NOW + minutes(61), "it waits from when it came back"


def test_what_was_published_is_not_dismissed(conn: Connection, warning_id: str) -> None:
    record_step(conn, warning_id, WarningState.PUBLISHED, WarningLevel.BLUE, now=NOW + minutes(1), actor="li")
    with pytest.raises(Refused, match="the warning was published at 09:01"):
        acts.dismiss(conn, warning_id, OFFICER, NOW + minutes(2), reason="x")


def test_a_shelf_holds_for_its_hours_up_to_its_level_and_can_be_taken_back(conn: Connection, warning_id: str) -> None:
    shelf = acts.shelve(conn, OFFICER, NOW + minutes(1), warning_id=warning_id, hours="2", reason="已知")
    shown = the(conn, 119).shelving
    assert shown is not None
    assert (shown.shelf_id, shown.until, shown.reason, shown.by) == (shelf, NOW + minutes(121), "已知", "wang")
    assert the(conn, 121).shelving is None, "it comes back by itself"
    assert attention.list_waiting(conn, NOW + minutes(100)) == []
    assert [w.since for w in attention.list_waiting(conn, NOW + minutes(122))] == [NOW + minutes(121)]
    with pytest.raises(Refused, match="it is shelved until 11:01 already"):
        acts.shelve(conn, OFFICER, NOW + minutes(2), warning_id=warning_id, hours="1", reason="已知")
    record_step(
        conn, warning_id, WarningState.CANDIDATE, WarningLevel.RED, now=NOW + minutes(5), transition=WarningTransition.ESCALATED
    )
    assert the(conn, 6).shelving is None, "graver than what was shelved"
    assert [(w.level, w.since) for w in attention.list_waiting(conn, NOW + minutes(6))] == [("red", NOW + minutes(5))]
    acts.unshelve(conn, shelf, OFFICER, NOW + minutes(7))
    with pytest.raises(Refused, match="the shelf was over at 09:07"):
        acts.unshelve(conn, shelf, OFFICER, NOW + minutes(8))


@pytest.mark.parametrize(("hours", "code"), [("9", "hours_too_long"), ("nan", "hours_malformed"), ("-1", "hours_malformed")])
def test_no_shelf_holds_for_ever(conn: Connection, warning_id: str, hours: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        acts.shelve(conn, OFFICER, NOW + minutes(1), warning_id=warning_id, hours=hours, reason="x")
    assert refused.value.code == code


def test_a_maintenance_is_planned_and_called_off(conn: Connection) -> None:
    square = '{"type": "Polygon", "coordinates": [[[113, 23], [114, 23], [114, 24], [113, 24], [113, 23]]]}'
    number = acts.plan_maintenance(
        conn, OFFICER, NOW, begins_at=NOW + minutes(10), until=NOW + minutes(70), reason="换表", area=square
    )
    (planned,) = shelves.list_maintenance(conn, Moment.live(NOW + minutes(1)))
    assert (planned.maintenance_id, planned.area is not None, planned.n_inside) == (number, True, 0)
    acts.end_maintenance(conn, number, OFFICER, NOW + minutes(2))
    assert shelves.list_maintenance(conn, Moment.live(NOW + minutes(3))) == []
    with pytest.raises(Refused, match="the maintenance was over at 03-02 09:02"):
        acts.end_maintenance(conn, number, OFFICER, NOW + minutes(4))


@pytest.mark.parametrize("area", ["{", '{"type": "Point", "coordinates": [113, 23]}', '{"type": "Polygon", "coordinates": []}'])
def test_a_maintenance_says_where(conn: Connection, area: str) -> None:
    with pytest.raises(Refused, match="the area cannot be read"):
        acts.plan_maintenance(conn, OFFICER, NOW, begins_at=NOW, until=NOW + minutes(9), reason="x", area=area)
    with pytest.raises(Refused, match="expected where: an area, districts or devices"):
        acts.plan_maintenance(conn, OFFICER, NOW, begins_at=NOW, until=NOW + minutes(9), reason="x")
    with pytest.raises(Refused, match="expected an end after the beginning"):
        acts.plan_maintenance(conn, OFFICER, NOW, begins_at=NOW, until=NOW, reason="x", districts=("440106",))


def test_every_act_on_a_warning_is_audited_done_or_refused(conn: Connection, warning_id: str) -> None:
    acts.verify(conn, warning_id, OFFICER, NOW + minutes(1))
    acts.shelve(conn, OFFICER, NOW + minutes(2), warning_id=warning_id, hours="1", reason="x")
    acts.dismiss(conn, warning_id, OFFICER, NOW + minutes(3), reason="x")
    with pytest.raises(Refused):
        acts.handle(conn, warning_id, OFFICER, NOW + minutes(4))
    assert [(e.action, e.outcome) for e in reversed(list_entries(conn))] == [
        ("warning.verify", "done"), ("warning.shelve", "done"), ("warning.dismiss", "done"), ("warning.handle", "refused"),
    ]  # fmt: skip
