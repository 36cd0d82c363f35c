"""Back-tests: one under way at a time, with how far it has come; the newest are kept, and those a version was agreed to with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from storage.connection import Connection

MOST_KEPT = 100
GIVEN_UP_AFTER = timedelta(seconds=90)
"""A back-test that has said nothing for so long has died."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """One back-test: of which spec, over how many days, beside which live version; its result as `alerts.backtest` writes it."""

    backtest_id: str
    rule_id: str
    spec: Mapping[str, Any]
    base_version: int | None
    days: int
    asked_by: str
    asked_at: datetime
    state: str
    progress: float
    beat_at: datetime
    ended_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    fault: str | None = None


def start_backtest(conn: Connection, wanted: Backtest) -> Backtest | None:
    """Begins one, unless another is under way: then that one is returned. Old ones that nobody refers to go."""
    with conn.transaction():
        conn.execute(
            "UPDATE backtest SET state = 'failed', ended_at = %(now)s, fault = 'it ended without a word' "
            "WHERE state = 'running' AND beat_at < %(dead)s",
            {"now": wanted.asked_at, "dead": wanted.asked_at - GIVEN_UP_AFTER},
        )
        row = conn.execute(
            "INSERT INTO backtest (backtest_id, rule_id, spec, base_version, days, asked_by, asked_at, state, beat_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, 'running', %s) ON CONFLICT DO NOTHING RETURNING backtest_id",
            (
                wanted.backtest_id, wanted.rule_id, Jsonb(dict(wanted.spec)), wanted.base_version, wanted.days, wanted.asked_by,
                wanted.asked_at, wanted.asked_at,
            ),
        ).fetchone()  # fmt: skip
        if row is None:
            return find_running(conn)
        conn.execute(
            "DELETE FROM backtest WHERE backtest_id IN (SELECT backtest_id FROM backtest ORDER BY asked_at DESC OFFSET %s) "
            "AND NOT EXISTS (SELECT FROM rule WHERE rule.backtest_id = backtest.backtest_id) "
            "AND NOT EXISTS (SELECT FROM rule_draft draft WHERE draft.backtest_id = backtest.backtest_id)",
            (MOST_KEPT,),
        )
    return None


def note_progress(conn: Connection, backtest_id: str, progress: float, now: datetime) -> None:
    conn.execute("UPDATE backtest SET progress = %s, beat_at = %s WHERE backtest_id = %s", (progress, now, backtest_id))


def end_backtest(
    conn: Connection, backtest_id: str, now: datetime, *, result: Mapping[str, Any] | None = None, fault: str | None = None
) -> None:
    """It is done, with its result, or has failed, with the sentence that says why."""
    conn.execute(
        "UPDATE backtest SET state = %s, progress = 1, ended_at = %s, beat_at = %s, result = %s, fault = %s "
        "WHERE backtest_id = %s AND state = 'running'",
        ("done" if fault is None else "failed", now, now, None if result is None else Jsonb(dict(result)), fault, backtest_id),
    )


def find_backtest(conn: Connection, backtest_id: str) -> Backtest | None:
    row = conn.execute(f"{_SELECT} WHERE backtest_id = %s", (backtest_id,)).fetchone()
    return Backtest(*row) if row else None


def find_running(conn: Connection) -> Backtest | None:
    row = conn.execute(f"{_SELECT} WHERE state = 'running'").fetchone()
    return Backtest(*row) if row else None


def list_backtests(conn: Connection, rule_id: str, *, limit: int) -> list[Backtest]:
    """Those of a rule, newest first."""
    return [
        Backtest(*row) for row in conn.execute(f"{_SELECT} WHERE rule_id = %s ORDER BY asked_at DESC LIMIT %s", (rule_id, limit))
    ]


_SELECT = """
SELECT backtest_id, rule_id, spec, base_version, days, asked_by, asked_at, state, progress, beat_at, ended_at, result, fault
FROM backtest
"""
