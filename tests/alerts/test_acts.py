"""Acknowledging, at a real database: who may, once, and audited either way."""

from __future__ import annotations

import pytest

from alerts.acts import acknowledge
from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Actor, Role
from domain.warnings import WarningLevel, WarningState
from storage.audit import list_entries
from storage.connection import Connection
from storage.warnings import list_open_warnings, open_warning, record_step
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
