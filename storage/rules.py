"""Rules: versioned, living in the database. The configuration file seeds them once and never changes a live one.

Beside them stands what judging by them remembers: since when levels wait to change, and which readings have been judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from psycopg.types.json import Jsonb

from domain.observations import USABLE_QUALITY_CODES, Quality
from domain.rule_specs import SpecError, read_spec, write_spec
from domain.warnings import ThresholdRule, Wait, WarningLevel
from storage.connection import Connection
from storage.lifelines import VOICES, VOICES_OF_FEW
from storage.observations import Value

_BENCH_LOCK = 7_205_016
_RULE_LOCK = 7_205_013


def seed_rules(conn: Connection, rules: Sequence[ThresholdRule], *, now: datetime) -> list[str]:
    """Writes rules whose id was never stored, as version 1; returns their ids."""
    seeded = []
    with conn.transaction():
        for rule in rules:
            row = conn.execute(
                "INSERT INTO rule (rule_id, version, spec, author, created_at) SELECT %s, 1, %s, 'config', %s "
                "WHERE NOT EXISTS (SELECT FROM rule WHERE rule_id = %s) ON CONFLICT DO NOTHING RETURNING rule_id",
                (rule.rule_id, Jsonb(write_spec(rule)), now, rule.rule_id),
            ).fetchone()
            if row is not None:
                seeded.append(str(row[0]))
    return seeded


def list_rules(conn: Connection) -> list[ThresholdRule]:
    """The rules that are gone by, by id: the live version of each that is enabled and can be read."""
    return [live.rule for live in list_live(conn) if live.rule is not None and live.rule.enabled]


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule as it was written: by whom, approved by whom, live from when until when, why, and which back-test it
    was agreed to with."""

    rule: ThresholdRule
    author: str
    approver: str | None
    created_at: datetime
    retired_at: datetime | None
    reason: str | None = None
    backtest_id: str | None = None


@dataclass(frozen=True, slots=True)
class LiveRule:
    """The live version of a rule as it is stored. `rule` is None where this version of ours cannot read it; `fault` says why."""

    rule_id: str
    version: int
    spec: Mapping[str, Any]
    rule: ThresholdRule | None
    fault: SpecError | None
    author: str
    approver: str | None
    created_at: datetime
    backtest_id: str | None


def list_live(conn: Connection) -> list[LiveRule]:
    """Every live rule by id, those that are disabled or cannot be read included."""
    rows = conn.execute(
        "SELECT rule_id, version, spec, author, approver, created_at, backtest_id FROM rule WHERE retired_at IS NULL "
        "ORDER BY rule_id"
    )
    return [_live(*row) for row in rows]


class LiveRules:
    """The live rules, of which those are read again that changed since the last look."""

    def __init__(self) -> None:
        self._read: dict[tuple[str, int, str], LiveRule] = {}

    def list_live(self, conn: Connection) -> list[LiveRule]:
        """As `list_live`."""
        heads = [tuple(row) for row in conn.execute(_HEADS)]
        if {head[0] for head in heads if head not in self._read}:
            found = {live.rule_id: live for live in list_live(conn)}
            self._read = {head: found[head[0]] for head in heads if head[0] in found}
        return [self._read[head] for head in heads if head in self._read]


def _live(rule_id: str, version: int, spec: Mapping[str, Any], *rest: Any) -> LiveRule:
    try:
        return LiveRule(rule_id, version, spec, read_spec(rule_id, version, spec), None, *rest)
    except SpecError as fault:
        return LiveRule(rule_id, version, spec, None, fault, *rest)


def find_version(conn: Connection, rule_id: str, version: int) -> RuleVersion | None:
    """A version of a rule, live or retired; None for one that was never stored, or that cannot be read."""
    return next((found for found in _versions(conn, rule_id, version)), None)


def list_versions(conn: Connection, rule_id: str) -> list[RuleVersion]:
    """Every version of a rule, newest first; those that cannot be read are left out."""
    return _versions(conn, rule_id, None)


def _versions(conn: Connection, rule_id: str, version: int | None) -> list[RuleVersion]:
    rows = conn.execute(
        "SELECT version, spec, author, approver, created_at, retired_at, reason, backtest_id FROM rule "
        "WHERE rule_id = %s AND (%s::integer IS NULL OR version = %s) ORDER BY version DESC",
        (rule_id, version, version),
    )
    found = []
    for number, spec, *rest in rows:
        with suppress(SpecError):
            found.append(RuleVersion(read_spec(rule_id, number, spec), *rest))
    return found


def lock_rule(conn: Connection, rule_id: str) -> int | None:
    """Nobody else changes this rule until the transaction ends. Its newest version, live or not; None for a new one."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_RULE_LOCK, rule_id))
    row = conn.execute("SELECT max(version) FROM rule WHERE rule_id = %s", (rule_id,)).fetchone()
    return row[0] if row else None


def write_version(
    conn: Connection, rule: ThresholdRule, *, author: str, approver: str | None, reason: str | None, backtest_id: str | None,
    now: datetime,
) -> None:  # fmt: skip
    """Puts a version in place of the live one. Call inside a transaction, after `lock_rule`."""
    conn.execute("UPDATE rule SET retired_at = %s WHERE rule_id = %s AND retired_at IS NULL", (now, rule.rule_id))
    conn.execute(
        "INSERT INTO rule (rule_id, version, spec, author, approver, created_at, reason, backtest_id) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (rule.rule_id, rule.version, Jsonb(write_spec(rule)), author, approver, now, reason, backtest_id),
    )


def retire_rule(conn: Connection, rule_id: str, now: datetime) -> None:
    """Ends a rule: its versions stay to be read."""
    conn.execute("UPDATE rule SET retired_at = %s WHERE rule_id = %s AND retired_at IS NULL", (now, rule_id))


def forget_progress(conn: Connection, rule_id: str) -> None:
    """What judging by a rule remembers goes: what waited to be raised, and up to when it was judged."""
    for table in ("rule_condition", "rule_wait", "rule_progress", "judged_state"):
        conn.execute(f"DELETE FROM {table} WHERE rule_id = %s", (rule_id,))


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wishes a rule to be; nobody goes by it."""

    rule_id: str
    spec: Mapping[str, Any]
    author: str
    saved_at: datetime
    backtest_id: str | None


def list_drafts(conn: Connection) -> dict[str, Draft]:
    """Every draft, by rule."""
    return {row[0]: Draft(*row) for row in conn.execute("SELECT rule_id, spec, author, saved_at, backtest_id FROM rule_draft")}


def save_draft(conn: Connection, draft: Draft) -> None:
    """Puts a draft in place of the one before."""
    conn.execute(
        "INSERT INTO rule_draft (rule_id, spec, author, saved_at, backtest_id) VALUES (%s, %s, %s, %s, %s) "
        "ON CONFLICT (rule_id) DO UPDATE SET spec = excluded.spec, author = excluded.author, saved_at = excluded.saved_at, "
        "backtest_id = excluded.backtest_id",
        (draft.rule_id, Jsonb(dict(draft.spec)), draft.author, draft.saved_at, draft.backtest_id),
    )


def drop_draft(conn: Connection, rule_id: str) -> None:
    conn.execute("DELETE FROM rule_draft WHERE rule_id = %s", (rule_id,))


ObjectWaiting = dict[str, dict[WarningLevel, Wait]]
"""What waits to change, by object and level."""


def load_object_waiting(conn: Connection) -> dict[str, ObjectWaiting]:
    """What waits at objects that are no datastreams, by rule."""
    waiting: dict[str, ObjectWaiting] = {}
    for rule_id, object_id, level, since, to_raise in conn.execute(
        "SELECT rule_id, object_id, level, since, to_raise FROM rule_wait"
    ):
        waiting.setdefault(rule_id, {}).setdefault(object_id, {})[WarningLevel.of(level)] = Wait(since, to_raise)
    return waiting


def save_object_waiting(conn: Connection, rule_id: str, changed: Mapping[str, Mapping[WarningLevel, Wait]]) -> None:
    """Puts what waits at these objects in place of what waited there."""
    if not changed:
        return
    conn.execute("DELETE FROM rule_wait WHERE rule_id = %s AND object_id = ANY(%s)", (rule_id, sorted(changed)))
    rows = [(rule_id, name, level.value, *wait) for name, levels in changed.items() for level, wait in levels.items()]
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO rule_wait (rule_id, object_id, level, since, to_raise) VALUES (%s, %s, %s, %s, %s)", rows)


def load_progress(conn: Connection) -> dict[str, datetime]:
    """Up to when rules about other things than readings have been judged."""
    return {row[0]: row[1] for row in conn.execute("SELECT rule_id, judged_until FROM rule_progress")}


def save_progress(conn: Connection, until: Mapping[str, datetime]) -> None:
    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO rule_progress (rule_id, judged_until) VALUES (%s, %s) "
            "ON CONFLICT (rule_id) DO UPDATE SET judged_until = excluded.judged_until",
            list(until.items()),
        )


def take_the_bench(conn: Connection) -> bool:
    """Whether this transaction is the one that judges: another one's has to end first. Call at its beginning."""
    return conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_BENCH_LOCK,)).fetchone() == (True,)


def wait_for_the_bench(conn: Connection) -> None:
    """Waits until nobody judges, and keeps it so until this transaction ends: what it changes is seen whole by the next look."""
    conn.execute("SELECT pg_advisory_xact_lock(%s)", (_BENCH_LOCK,))


Waiting = dict[int, dict[WarningLevel, Wait]]
"""What waits to change, by datastream and level."""


def load_waiting(conn: Connection) -> dict[str, Waiting]:
    """What waits, by rule."""
    waiting: dict[str, Waiting] = {}
    rows = conn.execute("SELECT rule_id, datastream_id, level, since, to_raise FROM rule_condition")
    for rule_id, number, level, since, to_raise in rows:
        waiting.setdefault(rule_id, {}).setdefault(number, {})[WarningLevel.of(level)] = Wait(since, to_raise)
    return waiting


def save_waiting(conn: Connection, rule_id: str, changed: Mapping[int, Mapping[WarningLevel, Wait]]) -> None:
    """Puts what waits at these datastreams in place of what waited there."""
    if not changed:
        return
    conn.execute("DELETE FROM rule_condition WHERE rule_id = %s AND datastream_id = ANY(%s)", (rule_id, sorted(changed)))
    rows = [(rule_id, number, level.value, *wait) for number, levels in changed.items() for level, wait in levels.items()]
    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO rule_condition (rule_id, datastream_id, level, since, to_raise) VALUES (%s, %s, %s, %s, %s)", rows
        )


class Newest(NamedTuple):
    """The newest reading of a datastream: when it was measured, and what its freshness follows from beside its age."""

    measured: datetime
    interval_s: float
    mode: str
    state: str
    heard: datetime | None
    """The last word of its device, of any kind."""


def list_to_judge(conn: Connection, properties: Sequence[str]) -> dict[int, datetime]:
    """The datastreams of these properties whose newest reading has not been judged as it stands, and when that was received."""
    return dict(conn.execute(_TO_JUDGE, {"properties": list(properties)}).fetchall())


def list_newest(conn: Connection, numbers: Collection[int]) -> dict[int, Newest]:
    """The newest reading of each of these datastreams."""
    if not numbers:
        return {}
    rows = conn.execute(_NEWEST_OF_FEW if len(numbers) <= FEW else _NEWEST, {"numbers": sorted(numbers)})
    return {number: Newest(*newest) for number, *newest in rows}


def list_last_heard(conn: Connection, numbers: Sequence[int]) -> dict[int, tuple[datetime, float]]:
    """When each of these datastreams was last heard, or its device, if it speaks on change; and the interval of that device."""
    rows = conn.execute(_LAST_HEARD, (list(numbers),))
    return {number: (heard, interval_s) for number, heard, interval_s in rows}


def list_unjudged(conn: Connection, since: Mapping[int, datetime], *, limit: int) -> dict[int, list[Value]]:
    """The readings of some datastreams (one at least), each measured from its time of `since` on, that are newer than what has
    been judged, or that corrected it, in order of time; of each datastream the newest `limit`."""
    found: dict[int, list[Value]] = defaultdict(list)
    parameters = {"numbers": list(since), "since": list(since.values()), "oldest": min(since.values()), "limit": limit}
    for number, measured, received, value, quality in conn.execute(_UNJUDGED, parameters):
        found[number].append(Value(number, measured, received, value, Quality.from_code(quality)))
    return found


def list_window(
    conn: Connection, since: Mapping[int, datetime]
) -> dict[int, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Usable readings of some datastreams (one at least), each measured after its time of `since`: seconds since 1970, ascending,
    and values."""
    parameters = {
        "numbers": list(since), "since": list(since.values()), "oldest": min(since.values()),
        "usable": sorted(USABLE_QUALITY_CODES),
    }  # fmt: skip
    found: dict[int, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for number, at_s, value in conn.execute(_WINDOW, parameters):
        found[number][0].append(at_s)
        found[number][1].append(value)
    return {number: (np.array(times_s), np.array(values)) for number, (times_s, values) in found.items()}


def note_judged(conn: Connection, newest: Iterable[Value]) -> None:
    """Remembers the newest reading judged of each datastream."""
    readings = list(newest)
    columns = ([r.datastream_id for r in readings], [r.phenomenon_time for r in readings], [r.received_time for r in readings])
    conn.execute(_NOTE_JUDGED, columns)


_HEADS = "SELECT rule_id, version, xmin::text FROM rule WHERE retired_at IS NULL ORDER BY rule_id"

# What was judged tells what is new, so that nothing has to be assumed of who commits when. Read from start to end: three tables
# of one row a series.
_TO_JUDGE = """
SELECT datastream_id, latest.received_time
FROM latest JOIN datastream USING (datastream_id) LEFT JOIN judged_reading judged USING (datastream_id)
WHERE property = ANY(%(properties)s)
  AND (latest.phenomenon_time, latest.received_time) <= (judged.phenomenon_time, judged.received_time) IS NOT TRUE
"""

FEW = 1_000
_NEWEST_BY = """
SELECT datastream_id, latest.phenomenon_time, device.interval_s, device.mode, voice.state, voice.heard_at
FROM datastream JOIN device USING (device_id) JOIN latest USING (datastream_id) JOIN ({voices}) voice USING (device_id)
WHERE datastream_id = ANY(%(numbers)s)
"""
_NEWEST, _NEWEST_OF_FEW = _NEWEST_BY.format(voices=VOICES), _NEWEST_BY.format(voices=VOICES_OF_FEW)

_LAST_HEARD = f"""
SELECT datastream_id, greatest(latest.received_time, CASE WHEN mode = 'on_change' THEN voice.heard_at END), interval_s
FROM latest JOIN datastream USING (datastream_id) JOIN device USING (device_id) JOIN ({VOICES}) voice USING (device_id)
WHERE datastream_id = ANY(%s)
"""

_UNJUDGED = """
SELECT stream.number, reading.*
FROM unnest(%(numbers)s::integer[], %(since)s::timestamptz[]) AS stream (number, since)
LEFT JOIN judged_reading judged ON judged.datastream_id = stream.number
CROSS JOIN LATERAL (
    SELECT phenomenon_time, received_time, value, quality FROM observation
    WHERE observation.datastream_id = stream.number
      AND phenomenon_time >= %(oldest)s -- so that days long past are not even planned for
      AND phenomenon_time >= greatest(stream.since, judged.phenomenon_time)
      AND ((phenomenon_time, received_time) <= (judged.phenomenon_time, judged.received_time)) IS NOT TRUE
    ORDER BY phenomenon_time DESC LIMIT %(limit)s
) reading
ORDER BY reading.phenomenon_time
"""

_WINDOW = """
SELECT stream.number, extract(epoch FROM phenomenon_time)::float8, value
FROM unnest(%(numbers)s::integer[], %(since)s::timestamptz[]) AS stream (number, since)
JOIN observation ON observation.datastream_id = stream.number
WHERE phenomenon_time > %(oldest)s AND phenomenon_time > stream.since AND quality = ANY(%(usable)s)
ORDER BY phenomenon_time
"""

_NOTE_JUDGED = """
INSERT INTO judged_reading (datastream_id, phenomenon_time, received_time)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (datastream_id) DO UPDATE SET
    phenomenon_time = excluded.phenomenon_time, received_time = excluded.received_time
"""
