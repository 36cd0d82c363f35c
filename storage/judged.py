"""What the watch remembers of judging: how a rule stood at a series after each reading that changed it, so that readings that
come late can be judged in their place. From: judged_state, judged_reading, observation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from domain.observations import Quality
from domain.warnings import Wait, WarningLevel
from storage.connection import Connection
from storage.observations import Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class State(NamedTuple):
    """The level that stands at a series, and the levels that wait to change, after a reading."""

    level: WarningLevel | None
    waiting: Mapping[WarningLevel, Wait]


def save_states(conn: Connection, rule_id: str, states: Mapping[tuple[int, datetime], State]) -> None:
    """Remembers how a rule stands at series (datastream, time of measurement) from these readings on."""
    if not states:
        return
    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO judged_state (rule_id, datastream_id, measured_at, level, waiting) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (rule_id, datastream_id, measured_at) DO UPDATE SET level = excluded.level, waiting = excluded.waiting",
            [
                (rule_id, number, at, state.level.value if state.level else None, Jsonb(_to_json(state.waiting)))
                for (number, at), state in states.items()
            ],
        )


def list_states(conn: Connection, rule_id: str, number: int) -> list[tuple[datetime, State]]:
    """What is remembered of a rule at a series, oldest first."""
    rows = conn.execute(
        "SELECT measured_at, level, waiting FROM judged_state WHERE rule_id = %s AND datastream_id = %s ORDER BY measured_at",
        (rule_id, number),
    )
    return [(at, State(WarningLevel.of(level) if level else None, _from_json(waiting))) for at, level, waiting in rows]


def forget_from(conn: Connection, rule_id: str, number: int, since: datetime) -> None:
    """Forgets how a rule stood at a series from a time of measurement on, because it is judged anew."""
    conn.execute(
        "DELETE FROM judged_state WHERE rule_id = %s AND datastream_id = %s AND measured_at >= %s", (rule_id, number, since)
    )


def forget_before(conn: Connection, before: datetime) -> int:
    """Forgets what is older than any reading that may still come; the last state of each before that stays."""
    return conn.execute(_FORGET, {"before": before}).rowcount


def list_late(conn: Connection, properties: Sequence[str], *, since: datetime, received_after: datetime) -> dict[int, datetime]:
    """Of series of these properties, the earliest reading measured from `since` on that came, or was corrected, after
    `received_after` and later than one that was measured after it and has been judged."""
    rows = conn.execute(_LATE, {"properties": list(properties), "since": since, "after": received_after})
    return dict(rows.fetchall())


def list_readings(conn: Connection, since: Mapping[int, datetime]) -> dict[int, list[Value]]:
    """The readings of some series (one at least), each from its time of measurement on up to the newest judged, in order."""
    found: dict[int, list[Value]] = defaultdict(list)
    parameters = {"numbers": list(since), "since": list(since.values()), "oldest": min(since.values())}
    for number, measured, received, value, quality in conn.execute(_READINGS, parameters):
        found[number].append(Value(number, measured, received, value, Quality.from_code(quality)))
    return found


def list_device_places(conn: Connection) -> dict[str, tuple[str | None, float | None, float | None]]:
    """District and position (WGS-84) of every device."""
    rows: Iterable[tuple[Any, ...]] = conn.execute("SELECT device_id, district_code, lon, lat FROM device")
    return {device_id: (district, lon, lat) for device_id, district, lon, lat in rows}


def _to_json(waiting: Mapping[WarningLevel, Wait]) -> dict[str, list[Any]]:
    return {level.value: [(wait.since - _EPOCH) // timedelta(microseconds=1), wait.to_raise] for level, wait in waiting.items()}


def _from_json(said: Mapping[str, Sequence[Any]]) -> dict[WarningLevel, Wait]:
    return {
        WarningLevel.of(level): Wait(_EPOCH + timedelta(microseconds=since_us), to_raise)
        for level, (since_us, to_raise) in said.items()
    }


_FORGET = """
DELETE FROM judged_state old WHERE measured_at < %(before)s AND EXISTS (
    SELECT FROM judged_state later WHERE later.rule_id = old.rule_id AND later.datastream_id = old.datastream_id
    AND later.measured_at > old.measured_at AND later.measured_at < %(before)s
)
"""

_LATE = """
SELECT late.datastream_id, min(late.phenomenon_time) FROM observation late
JOIN datastream USING (datastream_id) JOIN judged_reading judged USING (datastream_id)
WHERE late.phenomenon_time >= %(since)s AND late.received_time > %(after)s AND datastream.property = ANY(%(properties)s)
  AND late.phenomenon_time < judged.phenomenon_time
  AND EXISTS (
    SELECT FROM observation newer
    WHERE newer.datastream_id = late.datastream_id AND newer.phenomenon_time >= %(since)s
      AND newer.phenomenon_time > late.phenomenon_time AND newer.received_time <= late.received_time
  )
GROUP BY 1
"""

_READINGS = """
SELECT stream.number, reading.phenomenon_time, reading.received_time, reading.value, reading.quality
FROM unnest(%(numbers)s::integer[], %(since)s::timestamptz[]) AS stream (number, since)
JOIN judged_reading judged ON judged.datastream_id = stream.number
JOIN observation reading ON reading.datastream_id = stream.number
WHERE reading.phenomenon_time >= %(oldest)s AND reading.phenomenon_time >= stream.since
  AND reading.phenomenon_time <= judged.phenomenon_time
ORDER BY reading.phenomenon_time
"""
