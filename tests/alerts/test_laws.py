"""Laws of the watch, at a real database: whatever comes, in whatever order, and whoever dies when."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.rules import gravity
from alerts.service import Watch
from domain.warnings import WarningLevel
from storage import rules, warnings
from storage.connection import Connection, connect
from storage.rules import seed_rules
from tests.support.scenes import NOW, a_device, a_reading, a_rule, minutes, stored

AGENCY = "99010000100100"
RULE = a_rule()  # blue from 100 to 80, yellow from 150 to 120; raise hold 1 min, clear hold 2 min
REMEMBERED = (
    "judged_state", "judged_reading", "rule_condition", "situation_history", "situation", "warning_reminder", "warning_history",
    "warning",
)  # fmt: skip
TABLES = (*REMEMBERED, "observation", "observation_superseded", "latest")
VALUES = st.lists(st.sampled_from([20.0, 90.0, 110.0, 130.0, 170.0]), min_size=2, max_size=9)


@pytest.fixture
def scene(conn: Connection) -> Connection:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device())
    return conn


def afresh(conn: Connection, tables: tuple[str, ...] = TABLES) -> None:
    for table in tables:
        conn.execute(f"DELETE FROM {table}")


def stands(conn: Connection) -> tuple[list[str], list[tuple[str, object]]]:
    """What stands, and what waits."""
    rows = conn.execute(
        "SELECT step.level FROM warning JOIN LATERAL (SELECT level FROM warning_history h WHERE h.warning_id = warning.warning_id "
        "ORDER BY valid_from DESC, recorded_at DESC LIMIT 1) step ON true WHERE is_open"
    )
    waits = conn.execute("SELECT level, since FROM rule_condition ORDER BY level")
    return [row[0] for row in rows], [(row[0], row[1]) for row in waits]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, data=st.data())
def test_the_order_of_late_and_doubled_readings_changes_nothing(
    scene: Connection, values: list[float], data: st.DataObject
) -> None:
    """A reading a minute; delivered in any order, some twice, with a look after every delivery, and at the end one in time."""
    end = len(values)
    afresh(scene)
    for k, value in enumerate(values):
        stored(scene, a_reading(value, minutes_ago=-k))
    stored(scene, a_reading(95, minutes_ago=-end))
    Watch(AGENCY).tick(scene, NOW + minutes(end))
    in_order = stands(scene)
    afresh(scene)
    order = data.draw(st.permutations(range(end)))
    doubled = data.draw(st.lists(st.sampled_from(order), max_size=3))
    watch = Watch(AGENCY)
    for n, k in enumerate([*order, *doubled]):
        at = end + n / 100
        stored(scene, a_reading(values[k], minutes_ago=-k, delay_minutes=at - k))
        watch.tick(scene, NOW + minutes(at))
    stored(scene, a_reading(95, minutes_ago=-end, delay_minutes=0.5))
    watch.tick(scene, NOW + minutes(end + 0.5))
    Watch(AGENCY).tick(scene, NOW + minutes(end + 1.1))
    assert stands(scene) == in_order


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES)
def test_nothing_flaps_inside_the_hold_and_every_step_goes_somewhere(scene: Connection, values: list[float]) -> None:
    afresh(scene)
    watch = Watch(AGENCY)
    for k, value in enumerate(values):
        stored(scene, a_reading(value, minutes_ago=-k / 2))
        watch.tick(scene, NOW + minutes(k / 2))
    rows = scene.execute(
        "SELECT transition, state, level, valid_from FROM warning_history ORDER BY warning_id, valid_from, recorded_at"
    ).fetchall()
    for before, after in pairwise(rows):
        if after[0] == "raised":
            continue
        apart_s = (after[3] - before[3]).total_seconds()
        gained = gravity(WarningLevel.of(after[2])) - gravity(WarningLevel.of(before[2]))
        assert (after[0] == "escalated") == (gained > 0)
        assert (after[0] == "downgraded") == (gained < 0)
        if after[0] in ("lifted", "downgraded") and before[0] == "raised":
            assert apart_s >= RULE.clear_hold_s - 30, "what was raised stands for the clear hold, from the reading before on"


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=VALUES, killed_at=st.integers(0, 40))
def test_two_watches_of_which_one_dies_anywhere_double_and_lose_nothing(
    scene: Connection, database_url: str, values: list[float], killed_at: int
) -> None:
    """The one dies at its nth word to the database; the other goes on. The outcome is that of one that never died."""
    afresh(scene)
    rule_at_once = replace(RULE, raise_hold_s=0)
    assert rule_at_once.rule_id == RULE.rule_id
    for k, value in enumerate(values):
        stored(scene, a_reading(value, minutes_ago=-k))
    end = NOW + minutes(len(values) - 1)
    Watch(AGENCY).tick(scene, end)
    alone = stands(scene), scene.execute("SELECT count(*) FROM warning_history").fetchone()
    afresh(scene, REMEMBERED)
    with connect(database_url) as dying, pytest.MonkeyPatch.context() as patch:
        words = iter(range(10_000))
        for module, name in (
            (rules, "list_rules"), (rules, "save_waiting"), (rules, "note_judged"), (rules, "list_unjudged"),
            (warnings, "open_warning"), (warnings, "record_step"), (warnings, "list_open_warnings"), (warnings, "next_number"),
        ):  # fmt: skip
            said = getattr(module, name)

            def speak(*given: object, said: object = said, **more: object) -> object:
                if next(words) == killed_at:
                    raise ConnectionError
                return said(*given, **more)  # type: ignore[operator]

            patch.setattr(module, name, speak)
        try:
            Watch(AGENCY).tick(dying, end)
        except ConnectionError:
            assert scene.execute("SELECT count(*) FROM warning").fetchone() == (0,), "a tick is done whole or not at all"
    Watch(AGENCY).tick(scene, end)
    assert (stands(scene), scene.execute("SELECT count(*) FROM warning_history").fetchone()) == alone
    doubled = scene.execute("SELECT rule_id, object_id FROM warning WHERE is_open GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    assert doubled == []
