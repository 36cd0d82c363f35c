"""Dossiers: what is kept about one incident, one warning, the last hours; now, and as known at a moment of the past."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.incidents import Grade, IncidentState, ResponseLevel
from domain.moments import Moment
from domain.orders import OrderState
from domain.rights import Actor, Role
from domain.units import UnitStatus
from domain.warnings import WarningLevel, WarningSource, WarningState
from storage import audit, dossiers, incidents, orders, rules, warnings
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from tests.support.scenes import (
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
    the_stream,
)

LIVE = Moment.live(NOW)
LI = Actor("li", Role.COMMANDER)


def then(minutes_ago: float) -> Moment:
    return Moment.past(NOW - minutes(minutes_ago))


def raised(
    conn: Connection, object_id: str = "1", *, level: WarningLevel = WarningLevel.BLUE, minutes_ago: float = 10, **more: Any
) -> str:
    rule = more.pop("rule", a_rule())
    number = f"{rule.rule_id}-{object_id}-{minutes_ago}-{more.get('exercise_id')}"
    warning_id = warnings.open_warning(
        conn, rule, level, identifier=number, object_id=object_id, device_id=STATION, now=NOW - minutes(minutes_ago),
        evidence=more.pop("evidence", {"value": 104.5}), **more,
    )  # fmt: skip
    assert warning_id is not None
    return warning_id


def step(
    conn: Connection, warning_id: str, state: WarningState, level: WarningLevel, *, minutes_ago: float, actor: str | None = None
) -> None:
    warnings.record_step(
        conn, warning_id, state, level, now=NOW - minutes(minutes_ago), actor=actor, comment="在看" if actor else None
    )


@pytest.fixture
def fire(conn: Connection) -> str:
    """Reported ten minutes ago, a unit sent five minutes ago that set out three minutes ago and arrived one minute ago."""
    stored(conn, a_unit(), a_status(UnitStatus.AVAILABLE, minutes_ago=30), an_incident(minutes_ago=10, text="三楼冒烟"))
    ordered(conn, an_order(minutes_ago=5))
    incidents.set_state(
        conn, "i-1", IncidentState.RESPONDING, Grade.III, ResponseLevel.NONE, valid_from=NOW - minutes(5),
        recorded_at=NOW - minutes(5), actor="li",
    )  # fmt: skip
    orders.set_state(conn, "o-1", OrderState.ACCEPTED, valid_from=NOW - minutes(4), recorded_at=NOW - minutes(4))
    stored(
        conn,
        a_status(UnitStatus.ENROUTE, minutes_ago=3, order_id="o-1"),
        a_status(UnitStatus.ON_SCENE, minutes_ago=1, order_id="o-1"),
    )
    return "i-1"


def test_an_incident_is_told_with_every_step_of_it_and_of_its_units(conn: Connection, fire: str) -> None:
    found = dossiers.incident_dossier(conn, LIVE, fire)
    assert found is not None
    assert [(s.state, s.actor, NOW - s.valid_from) for s in found.steps] == [
        (IncidentState.REPORTED, None, minutes(10)), (IncidentState.RESPONDING, "li", minutes(5)),
    ]  # fmt: skip
    assert found.texts == ((NOW - minutes(10), "三楼冒烟"),)
    assert [o.order_id for o in found.orders] == ["o-1"]
    assert [(s.state, NOW - s.valid_from) for s in found.order_steps] == [
        (OrderState.ISSUED, minutes(5)),
        (OrderState.ACCEPTED, minutes(4)),
    ]
    assert [(s.status, s.source) for s in found.statuses] == [("enroute", "unit"), ("on_scene", "unit")]


def test_an_incident_is_told_as_it_was_known_then(conn: Connection, fire: str) -> None:
    found = dossiers.incident_dossier(conn, then(3.5), fire)
    assert found is not None
    assert (found.incident.state, len(found.steps), len(found.order_steps), found.statuses) == (
        IncidentState.RESPONDING,
        2,
        2,
        (),
    )
    before = dossiers.incident_dossier(conn, then(7), fire)
    assert before is not None
    assert (before.incident.state, before.orders) == (IncidentState.REPORTED, ())
    assert dossiers.incident_dossier(conn, then(11), fire) is None


def test_an_incident_of_an_exercise_or_of_nobody_has_no_dossier(conn: Connection, fire: str) -> None:
    conn.execute("UPDATE incident SET exercise_id = 'ex-1'")
    assert dossiers.incident_dossier(conn, LIVE, fire) is None
    assert dossiers.incident_dossier(conn, LIVE, fire, "ex-1") is not None
    assert dossiers.incident_dossier(conn, LIVE, "i-9") is None


def test_what_a_unit_did_for_another_order_is_not_told(conn: Connection, fire: str) -> None:
    stored(conn, a_status(UnitStatus.WORKING, minutes_ago=0.5, order_id="o-9"), a_status(UnitStatus.AVAILABLE, minutes_ago=0.2))
    found = dossiers.incident_dossier(conn, LIVE, fire)
    assert found is not None
    assert [s.status for s in found.statuses] == ["enroute", "on_scene"]


def test_a_warning_is_told_with_every_step_and_its_rule(conn: Connection) -> None:
    rules.seed_rules(conn, [a_rule()], now=NOW - minutes(60))
    stored(conn, a_device())
    warning_id = raised(conn, minutes_ago=10)
    step(conn, warning_id, WarningState.ACKNOWLEDGED, WarningLevel.BLUE, minutes_ago=8, actor="li")
    step(conn, warning_id, WarningState.CANDIDATE, WarningLevel.YELLOW, minutes_ago=5)
    found = dossiers.warning_dossier(conn, LIVE, warning_id)
    assert found is not None
    assert [(s.state.value, s.level.value, s.actor, s.comment) for s in found.steps] == [
        ("candidate", "blue", None, None), ("acknowledged", "blue", "li", "在看"), ("candidate", "yellow", None, None),
    ]  # fmt: skip
    assert found.rule is not None
    assert (found.rule.rule, found.rule.author, found.rule.retired_at) == (a_rule(), "config", None)
    assert (found.warning.level, found.similar, found.forecast) == (WarningLevel.YELLOW, (), None)
    earlier = dossiers.warning_dossier(conn, then(6), warning_id)
    assert earlier is not None
    assert (earlier.warning.state, len(earlier.steps)) == (WarningState.ACKNOWLEDGED, 2)
    assert dossiers.warning_dossier(conn, then(11), warning_id) is None


def test_a_warning_that_is_not_known_here_has_no_dossier(conn: Connection) -> None:
    drill = raised(conn, exercise_id="ex-1")
    assert dossiers.warning_dossier(conn, LIVE, drill) is None
    assert dossiers.warning_dossier(conn, LIVE, drill, "ex-1") is not None
    assert dossiers.warning_dossier(conn, LIVE, "no number at all") is None


def test_earlier_warnings_are_those_of_the_same_rule_and_object(conn: Connection) -> None:
    first = raised(conn, minutes_ago=300)
    step(conn, first, WarningState.CANDIDATE, WarningLevel.ORANGE, minutes_ago=290)
    step(conn, first, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=200)
    second = raised(conn, minutes_ago=100)
    step(conn, second, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=50)
    for other in (raised(conn, "2", minutes_ago=90), raised(conn, rule=a_rule("other"), minutes_ago=80)):
        step(conn, other, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=40)
    drill = raised(conn, minutes_ago=70, exercise_id="ex-1")
    this = raised(conn, minutes_ago=10)
    found = dossiers.warning_dossier(conn, LIVE, this)
    assert found is not None
    assert drill not in {s.warning_id for s in found.similar}
    assert [(s.warning_id, s.peak, s.raised_at, s.ended_at) for s in found.similar] == [
        (second, WarningLevel.BLUE, NOW - minutes(100), NOW - minutes(50)),
        (first, WarningLevel.ORANGE, NOW - minutes(300), NOW - minutes(200)),
    ]  # fmt: skip


def test_an_earlier_warning_was_open_when_it_was(conn: Connection) -> None:
    first = raised(conn, minutes_ago=100)
    step(conn, first, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=50)
    (told,) = warnings.list_similar(conn, replace_id(conn, first), then(60), limit=9)
    assert (told.warning_id, told.state, told.ended_at) == (first, WarningState.CANDIDATE, None)


def replace_id(conn: Connection, warning_id: str) -> Any:
    """A warning of the same rule and object, raised after it."""
    found = warnings.find_warning(conn, warning_id, LIVE)
    assert found is not None
    return replace(found, warning_id="00000000-0000-0000-0000-000000000000", raised_at=NOW)


def test_a_forecast_s_warning_keeps_the_forecast_it_was_raised_on(conn: Connection) -> None:
    stored(conn, a_device())
    stream = the_stream(conn)
    write_forecasts(
        conn, DayPartitions(conn), [a_forecast(stream, minutes_ago=60), a_forecast(stream, minutes_ago=15, median=70)]
    )
    rule = replace(a_rule(), source=WarningSource.FORECAST, horizon_s=3600)
    issued = NOW - minutes(60)
    warning_id = raised(conn, str(stream), rule=rule, evidence={"value": 50.0, "issued_at": issued.isoformat()})
    found = dossiers.warning_dossier(conn, LIVE, warning_id)
    assert found is not None
    assert found.forecast is not None
    assert (found.forecast.issued_at, found.forecast.q50[0]) == (issued, 50.0)


def test_the_board_tells_what_ended_who_acknowledged_and_how_many_were_raised(conn: Connection) -> None:
    old = raised(conn, "1", minutes_ago=3000)
    step(conn, old, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=2900)
    long = raised(conn, "2", level=WarningLevel.RED, minutes_ago=2000)
    step(conn, long, WarningState.LIFTED, WarningLevel.RED, minutes_ago=30)
    brief = raised(conn, "3", minutes_ago=25)
    step(conn, brief, WarningState.ACKNOWLEDGED, WarningLevel.BLUE, minutes_ago=24, actor="wang")
    step(conn, brief, WarningState.CANCELLED, WarningLevel.BLUE, minutes_ago=20)
    standing = raised(conn, "4", level=WarningLevel.YELLOW, minutes_ago=24)
    step(conn, standing, WarningState.ACKNOWLEDGED, WarningLevel.YELLOW, minutes_ago=3, actor="li")
    raised(conn, "5", minutes_ago=24, exercise_id="ex-1")
    board = dossiers.warning_board(conn, LIVE, span=timedelta(days=1))
    assert [(w.warning_id, w.state, NOW - w.updated_at) for w in board.closed] == [
        (brief, WarningState.CANCELLED, minutes(20)), (long, WarningState.LIFTED, minutes(30)),
    ]  # fmt: skip
    assert board.acknowledgements == {brief: ("wang", NOW - minutes(24)), standing: ("li", NOW - minutes(3))}
    assert board.raised == ((NOW - minutes(30), WarningLevel.BLUE, 1), (NOW - minutes(30), WarningLevel.YELLOW, 1))


def test_the_board_of_a_moment_of_the_past_knows_nothing_of_what_came_later(conn: Connection) -> None:
    long = raised(conn, "2", minutes_ago=200)
    step(conn, long, WarningState.ACKNOWLEDGED, WarningLevel.BLUE, minutes_ago=100, actor="li")
    step(conn, long, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=30)
    raised(conn, "3", minutes_ago=5)
    board = dossiers.warning_board(conn, then(60), span=timedelta(days=1))
    assert (board.closed, set(board.acknowledgements)) == ((), {long})
    assert sum(n for _, _, n in board.raised) == 1
    assert dossiers.warning_board(conn, then(150), span=timedelta(days=1)).acknowledgements == {}


def test_a_timeline_has_the_marks_of_its_span_as_known_then(conn: Connection, fire: str) -> None:
    stored(conn, an_incident("i-0", minutes_ago=300))
    warning_id = raised(conn, level=WarningLevel.ORANGE, minutes_ago=20)
    step(conn, warning_id, WarningState.CANDIDATE, WarningLevel.RED, minutes_ago=15)
    step(conn, warning_id, WarningState.LIFTED, WarningLevel.RED, minutes_ago=2)
    span = timedelta(hours=3)
    now, past = dossiers.timeline(conn, LIVE, span=span), dossiers.timeline(conn, then(7), span=span)
    assert [(i.incident_id, i.state, NOW - since) for i, since in now.incidents] == [
        ("i-1", IncidentState.RESPONDING, minutes(5))
    ]
    assert [(w.warning_id, w.level, w.ended_at) for w in now.warnings] == [(warning_id, WarningLevel.ORANGE, NOW - minutes(2))]
    assert [o.order_id for o in now.orders] == ["o-1"]
    assert [(i.incident_id, i.state) for i, _ in past.incidents] == [("i-1", IncidentState.REPORTED)]
    assert [w.ended_at for w in past.warnings] == [None]
    assert past.orders == ()


def test_an_order_that_ended_stays_on_the_timeline(conn: Connection, fire: str) -> None:
    orders.set_state(conn, "o-1", OrderState.CANCELLED, valid_from=NOW - minutes(1), recorded_at=NOW - minutes(1))
    (order,) = dossiers.timeline(conn, LIVE, span=timedelta(hours=3)).orders
    assert order.state is OrderState.CANCELLED
    assert dossiers.timeline(conn, LIVE, span=minutes(4)).orders == ()


def acted(
    conn: Connection, action: str, about: str, *, minutes_ago: float, outcome: str = "done", exercise_id: str | None = None
) -> None:
    audit.append(conn, LI, action, about, outcome=outcome, now=NOW - minutes(minutes_ago), exercise_id=exercise_id)


def test_the_log_tells_what_was_done_about_an_incident(conn: Connection, fire: str) -> None:
    acted(conn, "order.issue", "a-1 → i-1", minutes_ago=5)
    acted(conn, "order.issue", "a-2 → i-1", minutes_ago=4, outcome="refused")
    acted(conn, "order.issue", "a-2 → xi-1", minutes_ago=4)
    acted(conn, "order.cancel", "o-1", minutes_ago=3)
    acted(conn, "order.cancel", "o-2", minutes_ago=3)
    acted(conn, "incident.close", "i-1", minutes_ago=2)
    acted(conn, "incident.close", "i-1", minutes_ago=2, exercise_id="ex-1")
    about = [(row.entry.action, row.entry.object, row.entry.outcome) for row in dossiers.log(conn, LIVE, incident_id="i-1")]
    assert about == [
        ("incident.close", "i-1", "done"), ("order.cancel", "o-1", "done"), ("order.issue", "a-2 → i-1", "refused"),
        ("order.issue", "a-1 → i-1", "done"),
    ]  # fmt: skip
    assert len(dossiers.log(conn, LIVE)) == 6
    assert [row.entry.object for row in dossiers.log(conn, then(4.5))] == ["a-1 → i-1"]


def test_the_log_shows_the_seal_of_an_entry_once_it_has_one(conn: Connection) -> None:
    acted(conn, "incident.close", "i-1", minutes_ago=5)
    assert [row.hash for row in dossiers.log(conn, LIVE)] == [None]
    audit.seal(conn, NOW - minutes(2))
    (row,) = dossiers.log(conn, LIVE)
    assert (row.hash, row.sealed_at) == (audit.entry_hash(row.entry, audit.GENESIS), NOW - minutes(2))
    assert [row.hash for row in dossiers.log(conn, then(3))] == [None], "the seal was not there yet"


def test_of_a_log_the_newest_entries_are_told(conn: Connection) -> None:
    for k in range(dossiers.LOG_LENGTH + 5):
        acted(conn, "incident.close", f"i-{k}", minutes_ago=100 - k)
    told = dossiers.log(conn, LIVE)
    assert (len(told), told[0].entry.object) == (dossiers.LOG_LENGTH, f"i-{dossiers.LOG_LENGTH + 4}")


def test_an_empty_database_answers_with_nothing(conn: Connection) -> None:
    board, line = (
        dossiers.warning_board(conn, LIVE, span=timedelta(days=1)),
        dossiers.timeline(conn, LIVE, span=timedelta(hours=3)),
    )
    assert (board.acknowledgements, board.closed, board.raised) == ({}, (), ())
    assert (line.incidents, line.warnings, line.orders, dossiers.log(conn, LIVE)) == ((), (), (), ())
