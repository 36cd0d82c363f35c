"""Rules: versioned, living in the database. The configuration file seeds them once and never changes a live one.

Beside them stands what judging by them remembers: since when levels wait to change, and which readings have been judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from domain.observations import Quality
from domain.warnings import LevelThreshold, ThresholdRule, Wait, WarningLevel, WarningSource
from storage.connection import Connection
from storage.lifelines import VOICES
from storage.observations import Value

_BENCH_LOCK = 7_205_006


def seed_rules(conn: Connection, rules: Sequence[ThresholdRule], *, now: datetime) -> list[str]:
    """Writes rules whose id was never stored, as version 1; returns their ids."""
    seeded = []
    with conn.transaction():
        for rule in rules:
            row = conn.execute(
                "INSERT INTO rule (rule_id, version, spec, author, created_at) SELECT %s, 1, %s, 'config', %s "
                "WHERE NOT EXISTS (SELECT FROM rule WHERE rule_id = %s) ON CONFLICT DO NOTHING RETURNING rule_id",
                (rule.rule_id, Jsonb(_to_spec(rule)), now, rule.rule_id),
            ).fetchone()
            if row is not None:
                seeded.append(str(row[0]))
    return seeded


def list_rules(conn: Connection) -> list[ThresholdRule]:
    """The live version of every rule, by id."""
    rows = conn.execute("SELECT rule_id, version, spec FROM rule WHERE retired_at IS NULL ORDER BY rule_id")
    return [_from_spec(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule as it was written: by whom, approved by whom, live from when until when."""

    rule: ThresholdRule
    author: str
    approver: str | None
    created_at: datetime
    retired_at: datetime | None


def find_version(conn: Connection, rule_id: str, version: int) -> RuleVersion | None:
    """A version of a rule, live or retired; None for one that was never stored."""
    row = conn.execute(
        "SELECT spec, author, approver, created_at, retired_at FROM rule WHERE rule_id = %s AND version = %s", (rule_id, version)
    ).fetchone()
    return RuleVersion(_from_spec(rule_id, version, row[0]), *row[1:]) if row is not None else None


def take_the_bench(conn: Connection) -> bool:
    """Whether this transaction is the one that judges: another one's has to end first. Call at its beginning."""
    return conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (_BENCH_LOCK,)).fetchone() == (True,)


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
    """The newest reading of a datastream: when it was measured, whether it has been judged as it stands, and what its freshness
    follows from beside its age."""

    measured: datetime
    is_judged: bool
    interval_s: float
    mode: str
    state: str
    heard: datetime | None
    """The last word of its device, of any kind."""


def list_newest(conn: Connection, properties: Sequence[str]) -> dict[int, Newest]:
    """The newest reading of each datastream of these properties."""
    rows = conn.execute(_NEWEST, {"properties": list(properties)})
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


def note_judged(conn: Connection, newest: Iterable[Value]) -> None:
    """Remembers the newest reading judged of each datastream."""
    readings = list(newest)
    columns = ([r.datastream_id for r in readings], [r.phenomenon_time for r in readings], [r.received_time for r in readings])
    conn.execute(_NOTE_JUDGED, columns)


def _to_spec(rule: ThresholdRule) -> dict[str, Any]:
    return {
        "property": rule.property, "direction": rule.direction, "raise_hold_s": rule.raise_hold_s,
        "clear_hold_s": rule.clear_hold_s, "hazard_class": rule.hazard_class, "zh": rule.zh, "en": rule.en,
        "source": rule.source.value, "min_probability": rule.min_probability, "horizon_s": rule.horizon_s,
        "thresholds": [[t.level.value, t.raise_at, t.clear_at] for t in rule.thresholds],
    }  # fmt: skip


def _from_spec(rule_id: str, version: int, spec: dict[str, Any]) -> ThresholdRule:
    thresholds = tuple(
        LevelThreshold(WarningLevel.of(level), raise_at, clear_at) for level, raise_at, clear_at in spec["thresholds"]
    )
    source = WarningSource.of(spec["source"])
    return ThresholdRule(rule_id=rule_id, version=version, **{**spec, "thresholds": thresholds, "source": source})


_NEWEST = f"""
SELECT datastream_id, latest.phenomenon_time,
       (latest.phenomenon_time, latest.received_time) <= (judged.phenomenon_time, judged.received_time) IS TRUE,
       device.interval_s, device.mode, voice.state, voice.heard_at
FROM datastream JOIN device USING (device_id) JOIN latest USING (datastream_id) JOIN ({VOICES}) voice USING (device_id)
LEFT JOIN judged_reading judged USING (datastream_id)
WHERE property = ANY(%(properties)s)
"""

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

_NOTE_JUDGED = """
INSERT INTO judged_reading (datastream_id, phenomenon_time, received_time)
SELECT * FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
ON CONFLICT (datastream_id) DO UPDATE SET
    phenomenon_time = excluded.phenomenon_time, received_time = excluded.received_time
"""
