"""Warnings and the rules that raise them: one open per rule and object, every step kept, rules never changed by a file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from threading import Barrier

import pytest

from domain.moments import Moment
from domain.warnings import (
    OPEN_WARNING_STATES,
    Warning,
    WarningLevel,
    WarningMode,
    WarningSource,
    WarningState,
)
from storage import rules, warnings
from storage.connection import Connection, connect
from tests.support.scenes import NOW, STATION, a_device, a_rule, minutes, stored

LIVE = Moment.live(NOW)


def _open(
    conn: Connection,
    object_id: str = "1",
    *,
    rule_id: str = "pm25_high",
    level: WarningLevel = WarningLevel.BLUE,
    minutes_ago: float = 10,
    exercise_id: str | None = None,
) -> str | None:
    number = warnings.next_number(conn)
    return warnings.open_warning(
        conn, a_rule(rule_id), level, identifier=f"{rule_id}-{object_id}-{exercise_id}-{number}-{minutes_ago}",
        object_id=object_id, device_id=STATION, now=NOW - minutes(minutes_ago), probability=0.75, evidence={"value": 104.5},
        exercise_id=exercise_id,
    )  # fmt: skip


def _step(conn: Connection, warning_id: str, state: WarningState, level: WarningLevel, *, minutes_ago: float) -> None:
    warnings.record_step(conn, warning_id, state, level, now=NOW - minutes(minutes_ago), actor="li")


def _listed(conn: Connection, moment: Moment = LIVE, exercise_id: str | None = None) -> list[tuple[str, WarningLevel]]:
    return [(w.object_id, w.level) for w in warnings.list_open_warnings(conn, moment, exercise_id)]


def test_a_new_warning_is_an_open_candidate_with_its_reasons(conn: Connection) -> None:
    stored(conn, a_device())
    warning_id = _open(conn)
    assert warning_id is not None
    (warning,) = warnings.list_open_warnings(conn, LIVE)
    assert warning == Warning(
        warning_id=warning_id, identifier=warning.identifier, rule_id="pm25_high", rule_version=1, source=WarningSource.RULE,
        hazard_class="other", level=WarningLevel.BLUE, state=WarningState.CANDIDATE, mode=WarningMode.ACTUAL, object_id="1",
        device_id=STATION, lon=113.25, lat=23.125, raised_at=NOW - minutes(10), updated_at=NOW - minutes(10),
        zh="PM2.5 偏高", en="PM2.5 is high", probability=0.75, evidence={"value": 104.5}, district_code="440106",
    )  # fmt: skip


def test_a_warning_of_a_device_that_is_not_known_is_still_a_warning(conn: Connection) -> None:
    assert _open(conn) is not None
    assert warnings.list_open_warnings(conn, LIVE)[0].lon is None


def test_a_second_warning_of_the_same_rule_and_object_is_not_opened(conn: Connection) -> None:
    assert _open(conn, "1") is not None
    assert _open(conn, "1", minutes_ago=5) is None
    assert _open(conn, "2") is not None
    assert _open(conn, "1", rule_id="pm25_rising") is not None
    assert conn.execute("SELECT count(*) FROM warning").fetchone() == (3,)
    assert conn.execute("SELECT count(*) FROM warning_history").fetchone() == (3,)


def test_eight_evaluators_at_once_open_one_warning(conn: Connection, database_url: str) -> None:
    ready = Barrier(8)

    def evaluate(k: int) -> str | None:
        with connect(database_url) as own:
            ready.wait()
            return _open(own, minutes_ago=k)

    with ThreadPoolExecutor(8) as evaluators:
        opened = [warning_id for warning_id in evaluators.map(evaluate, range(8)) if warning_id]
    assert len(opened) == 1
    assert conn.execute("SELECT count(*) FROM warning_history").fetchone() == (1,)


@pytest.mark.parametrize("ended", [state for state in WarningState if state not in OPEN_WARNING_STATES])
def test_an_ended_warning_makes_room_for_the_next(conn: Connection, ended: WarningState) -> None:
    first = _open(conn)
    assert first is not None
    _step(conn, first, ended, WarningLevel.BLUE, minutes_ago=5)
    assert _listed(conn) == []
    assert _open(conn, minutes_ago=1) not in (None, first)


@pytest.mark.parametrize("state", OPEN_WARNING_STATES)
def test_a_warning_that_is_being_handled_is_still_open(conn: Connection, state: WarningState) -> None:
    warning_id = _open(conn)
    assert warning_id is not None
    _step(conn, warning_id, state, WarningLevel.BLUE, minutes_ago=5)
    (warning,) = warnings.list_open_warnings(conn, LIVE)
    assert (warning.state, warning.updated_at) == (state, NOW - minutes(5))
    assert _open(conn, minutes_ago=1) is None


def test_warnings_are_shown_as_they_were_known(conn: Connection) -> None:
    warning_id = _open(conn, minutes_ago=10)
    assert warning_id is not None
    _step(conn, warning_id, WarningState.CANDIDATE, WarningLevel.RED, minutes_ago=6)
    _step(conn, warning_id, WarningState.LIFTED, WarningLevel.RED, minutes_ago=2)
    shown = [_listed(conn, Moment.past(NOW - minutes(m))) for m in (11, 10, 7, 6, 3, 2, 0)]
    assert shown == [[], [("1", WarningLevel.BLUE)], [("1", WarningLevel.BLUE)], [("1", WarningLevel.RED)],
                     [("1", WarningLevel.RED)], [], []]  # fmt: skip


def test_the_gravest_comes_first_then_the_newest(conn: Connection) -> None:
    levels = [WarningLevel.YELLOW, WarningLevel.RED, WarningLevel.BLUE, WarningLevel.YELLOW, WarningLevel.ORANGE]
    for k, level in enumerate(levels):
        _open(conn, str(k), level=level, minutes_ago=10 - k)
    assert [object_id for object_id, _ in _listed(conn)] == ["1", "4", "3", "0", "2"]


def test_a_warning_of_an_exercise_is_never_among_the_real_ones(conn: Connection) -> None:
    assert _open(conn, "1", exercise_id="ex-1") is not None
    assert _open(conn, "1") is not None, "a drill does not keep a real warning from being raised"
    assert _open(conn, "2", exercise_id="ex-1") is not None
    assert _listed(conn) == [("1", WarningLevel.BLUE)]
    assert {object_id for object_id, _ in _listed(conn, LIVE, "ex-1")} == {"1", "2"}
    assert {w.mode for w in warnings.list_open_warnings(conn, LIVE, "ex-1")} == {WarningMode.EXERCISE}
    assert {w.mode for w in warnings.list_open_warnings(conn, LIVE)} == {WarningMode.ACTUAL}


def test_a_warning_is_found_by_its_id_open_or_not(conn: Connection) -> None:
    warning_id = _open(conn)
    assert warning_id is not None
    (listed,) = warnings.list_open_warnings(conn, LIVE)
    assert warnings.find_warning_for_update(conn, warning_id) == listed
    _step(conn, warning_id, WarningState.LIFTED, WarningLevel.BLUE, minutes_ago=1)
    found = warnings.find_warning_for_update(conn, warning_id)
    assert found is not None
    assert (found.state, found.updated_at) == (WarningState.LIFTED, NOW - minutes(1))
    assert warnings.find_warning_for_update(conn, "00000000-0000-0000-0000-000000000000") is None
    assert warnings.find_warning_for_update(conn, "no uuid at all") is None


def test_who_acknowledged_last_is_remembered(conn: Connection) -> None:
    warning_id = _open(conn)
    assert warning_id is not None
    assert warnings.find_acknowledgement(conn, warning_id) is None
    _step(conn, warning_id, WarningState.ACKNOWLEDGED, WarningLevel.BLUE, minutes_ago=5)
    warnings.record_step(conn, warning_id, WarningState.ACKNOWLEDGED, WarningLevel.RED, now=NOW - minutes(2), actor="wang")
    warnings.record_step(conn, warning_id, WarningState.ACKNOWLEDGED, WarningLevel.YELLOW, now=NOW)  # nobody: a change of level
    assert warnings.find_acknowledgement(conn, warning_id) == ("wang", NOW - minutes(2))


def test_the_running_number_has_one_digit(conn: Connection) -> None:
    assert [warnings.next_number(conn) for _ in range(12)] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_rules_come_back_as_they_were_seeded(conn: Connection) -> None:
    forecast_rule = replace(a_rule("pm25_coming"), source=WarningSource.FORECAST, min_probability=0.75, horizon_s=3600)
    assert rules.seed_rules(conn, [a_rule(), forecast_rule], now=NOW) == ["pm25_high", "pm25_coming"]
    assert rules.list_rules(conn) == [forecast_rule, a_rule()]


def test_a_changed_file_never_changes_a_live_rule(conn: Connection) -> None:
    rules.seed_rules(conn, [a_rule()], now=NOW)
    changed = replace(a_rule(), raise_hold_s=1)
    assert rules.seed_rules(conn, [changed, a_rule("new")], now=NOW + minutes(1)) == ["new"]
    assert rules.list_rules(conn) == [a_rule("new"), a_rule()]


def test_a_retired_rule_is_neither_live_nor_seeded_again(conn: Connection) -> None:
    rules.seed_rules(conn, [a_rule()], now=NOW)
    conn.execute("UPDATE rule SET retired_at = %s", (NOW,))
    assert rules.list_rules(conn) == []
    assert rules.seed_rules(conn, [a_rule()], now=NOW + minutes(1)) == []


def test_a_rule_has_one_live_version(conn: Connection) -> None:
    rules.seed_rules(conn, [a_rule()], now=NOW)
    with pytest.raises(Exception, match="one_live_version_per_rule"):
        conn.execute("INSERT INTO rule SELECT rule_id, 2, spec, 'li', NULL, %s FROM rule", (NOW,))


def test_four_services_that_start_at_once_seed_each_rule_once(conn: Connection, database_url: str) -> None:
    ready = Barrier(4)

    def start(k: int) -> list[str]:
        with connect(database_url) as own:
            ready.wait()
            return rules.seed_rules(own, [a_rule("a"), a_rule("b")], now=NOW)

    with ThreadPoolExecutor(4) as services:
        assert sorted(chain.from_iterable(services.map(start, range(4)))) == ["a", "b"]
    assert [r.rule_id for r in rules.list_rules(conn)] == ["a", "b"]
