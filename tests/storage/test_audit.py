"""The audit and the acts it accounts for: append-only, chained, refusals included."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from psycopg import Rollback
from psycopg.errors import DivisionByZero, RaiseException

from domain.moments import Moment
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from storage import acts, audit
from storage.audit import GENESIS, AuditEntry
from storage.connection import Connection, connect
from tests.support.scenes import COMMANDER, NOW, minutes


def _append(conn: Connection, *objects: str, **more: Any) -> None:
    for name in objects:
        audit.append(conn, COMMANDER, "order.issue", name, outcome="done", now=NOW, **more)


def _chain(conn: Connection) -> list[tuple[int, int, str, str]]:
    return conn.execute("SELECT seq, audit_id, prev_hash, hash FROM audit_chain ORDER BY seq").fetchall()


def _first_broken(conn: Connection) -> int | None:
    """The seq of the first link that does not fit the entries as they stand now; None when all do."""
    entries = {entry.audit_id: entry for entry in audit.list_entries(conn)}
    prev_hash = GENESIS
    for seq, audit_id, linked, digest in _chain(conn):
        if linked != prev_hash or digest != audit.entry_hash(entries[audit_id], prev_hash):
            return seq
        prev_hash = digest
    return None


def test_an_entry_comes_back_as_it_was_written(conn: Connection) -> None:
    _append(conn, "o-1", detail={"unit": "急救1车"}, exercise_id="ex-1")
    assert audit.list_entries(conn) == [
        AuditEntry(1, NOW, "li", "commander", "order.issue", "o-1", "done", {"unit": "急救1车"}, None, None, "ex-1")
    ]


def test_the_newest_entries_come_first(conn: Connection) -> None:
    _append(conn, "o-1", "o-2", "o-3")
    assert [entry.object for entry in audit.list_entries(conn, limit=2)] == ["o-3", "o-2"]


@pytest.mark.parametrize("table", ["audit_entry", "audit_chain"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_audit_can_only_be_appended_to(conn: Connection, table: str, change: str) -> None:
    _append(conn, "o-1")
    audit.seal(conn, NOW)
    column = "actor" if table == "audit_entry" else "hash"
    for role in ("origin", "replica"):  # a session that says it is a replica is refused as well
        conn.execute(f"SET session_replication_role = {role}")
        with pytest.raises(RaiseException, match=r"audit_\w+ is append-only: (UPDATE|DELETE|TRUNCATE) is refused"):
            conn.execute(change.format(table, column, "'somebody else'"))
    assert (len(audit.list_entries(conn)), len(_chain(conn))) == (1, 1)


def test_each_entry_is_bound_to_all_before_it(conn: Connection) -> None:
    _append(conn, "o-1", "o-2")
    assert audit.seal(conn, NOW) == 2
    _append(conn, "o-3")
    assert audit.seal(conn, NOW + minutes(1)) == 1
    chain = _chain(conn)
    assert [(seq, audit_id) for seq, audit_id, _, _ in chain] == [(1, 1), (2, 2), (3, 3)]
    assert [prev for _, _, prev, _ in chain] == [GENESIS, chain[0][3], chain[1][3]]
    assert _first_broken(conn) is None


def test_the_hash_is_the_one_that_the_description_promises(conn: Connection) -> None:
    """Written out by hand, so that a verifier in another language has something to be compared with."""
    _append(conn, "o-1", detail={"b": 1, "a": "急"})
    audit.seal(conn, NOW)
    canonical = (
        '{"acted_at":"2026-03-02T01:00:00.000000+00:00","action":"order.issue","actor":"li","after_hash":null,"audit_id":1,'
        '"before_hash":null,"detail":{"a":"急","b":1},"exercise_id":null,"object":"o-1","outcome":"done","role":"commander"}'
    )
    assert _chain(conn)[0][3] == hashlib.sha256(("0" * 64 + canonical).encode()).hexdigest()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entry SET object = 'o-9' WHERE audit_id = 2",
        "UPDATE audit_entry SET acted_at = acted_at + interval '1 microsecond' WHERE audit_id = 2",
        "UPDATE audit_entry SET detail = '{\"n\": 2}' WHERE audit_id = 2",
        "UPDATE audit_entry SET exercise_id = 'ex-1' WHERE audit_id = 2",
        "UPDATE audit_chain SET hash = translate(hash, '0123456789abcdef', '123456789abcdef0') WHERE seq = 2",
        "DELETE FROM audit_chain WHERE seq = 2",
    ],
)
def test_a_changed_byte_breaks_the_chain_where_it_was_changed(conn: Connection, tampering: str) -> None:
    _append(conn, "o-1", "o-2", "o-3", detail={"n": 1})
    audit.seal(conn, NOW)
    table = "audit_entry" if "audit_entry" in tampering else "audit_chain"
    conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")  # the owner can go round the triggers, not round the chain
    conn.execute(tampering)
    assert _first_broken(conn) == (3 if tampering.startswith("DELETE") else 2)


def test_what_was_done_about_an_object_is_found_however_much_was_done_since(conn: Connection) -> None:
    _append(conn, "a-1 → i-1", "i-1", "o-1")
    conn.execute(
        "INSERT INTO audit_entry (acted_at, actor, role, action, object, outcome) "
        "SELECT %s, 'li', 'commander', 'order.issue', 'a-1 → i-' || n, 'done' FROM generate_series(100, 25000) n",
        (NOW,),
    )
    found = audit.list_log(conn, Moment.live(NOW), limit=10, objects=["i-1", "o-1"], incident_id="i-1")
    assert [row.entry.object for row in found] == ["o-1", "i-1", "a-1 → i-1"]
    assert [row.entry.object for row in audit.list_log(conn, Moment.live(NOW), limit=10, objects=["o-1"])] == ["o-1"]


def test_sealing_nothing_is_nothing(conn: Connection) -> None:
    assert audit.seal(conn, NOW) == 0
    _append(conn, "o-1")
    assert [audit.seal(conn, NOW), audit.seal(conn, NOW)] == [1, 0]


def test_an_entry_committed_after_a_younger_one_is_sealed_all_the_same(conn: Connection, database_url: str) -> None:
    with connect(database_url) as slow:
        with slow.transaction():
            _append(slow, "slow")
            _append(conn, "quick")
            assert audit.seal(conn, NOW) == 1
        assert audit.seal(conn, NOW) == 1
    assert [audit_id for _, audit_id, _, _ in _chain(conn)] == [2, 1]
    assert _first_broken(conn) is None


def test_acts_do_not_wait_for_the_sealer_and_two_sealers_make_one_chain(conn: Connection, database_url: str) -> None:
    ready = Barrier(6)

    def work(k: int) -> None:
        with connect(database_url) as own:
            ready.wait()
            for n in range(10):
                if k < 4:
                    _append(own, f"{k}-{n}")
                else:
                    audit.seal(own, NOW)

    with ThreadPoolExecutor(6) as hands:
        list(hands.map(work, range(6)))
    audit.seal(conn, NOW)
    assert [seq for seq, *_ in _chain(conn)] == list(range(1, 41))
    assert _first_broken(conn) is None


def test_an_act_is_recorded_in_its_own_transaction(conn: Connection) -> None:
    with acts.transaction(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW):
        acts.begin(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW, detail={"unit": "a-1"})
    with acts.transaction(conn, COMMANDER, Action.ISSUE_ORDER, "o-2", NOW):
        acts.begin(conn, COMMANDER, Action.ISSUE_ORDER, "o-2", NOW)
        raise Rollback
    assert [(e.object, e.outcome, e.detail) for e in audit.list_entries(conn)] == [("o-1", "done", {"unit": "a-1"})]


def test_an_act_without_the_right_is_refused_undone_and_recorded(conn: Connection) -> None:
    manager = Actor("wang", Role.HALL_MANAGER)
    with (
        pytest.raises(Refused, match="hall manager has no right to send a unit"),
        acts.transaction(conn, manager, Action.ISSUE_ORDER, "o-1", NOW, exercise_id="ex-1"),
    ):
        acts.begin(conn, manager, Action.ISSUE_ORDER, "o-1", NOW)
    (entry,) = audit.list_entries(conn)
    assert (entry.actor, entry.role, entry.outcome, entry.exercise_id) == ("wang", "hall_manager", "refused", "ex-1")
    assert entry.detail["code"] == "no_right"


def test_an_act_refused_at_its_end_leaves_its_refusal_only(conn: Connection) -> None:
    def act() -> None:
        with acts.transaction(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW):
            acts.begin(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW)
            raise Refused("unit_busy", "急救1车 出动", "A-1 is on its way")

    with pytest.raises(Refused):
        act()
    assert [(e.outcome, e.detail) for e in audit.list_entries(conn)] == [
        ("refused", {"code": "unit_busy", "reason": "A-1 is on its way"})
    ]


def test_an_act_that_breaks_is_not_recorded_as_done(conn: Connection) -> None:
    def act() -> None:
        with acts.transaction(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW):
            acts.begin(conn, COMMANDER, Action.ISSUE_ORDER, "o-1", NOW)
            conn.execute("SELECT 1 / 0")

    with pytest.raises(DivisionByZero):
        act()
    assert audit.list_entries(conn) == []
