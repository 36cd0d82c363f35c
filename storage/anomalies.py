"""Anomalies: what was odd about a series, since when, and when it was over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb

from domain.anomalies import Anomaly, Oddity
from storage.connection import Connection


class StoredAnomaly(NamedTuple):
    """An anomaly with its number, and when it was over (None: not known to be)."""

    anomaly_id: int
    anomaly: Anomaly
    ended_at: datetime | None


def write_anomalies(conn: Connection, anomalies: Sequence[Anomaly]) -> int:
    """Stores anomalies; one that is known already stays. Returns how many were new."""
    if not anomalies:
        return 0
    with conn.transaction(), conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO anomaly (series_id, lane, cause, since, detected_at, value, low, high, score, extras) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (a.datastream_id, a.lane.value, a.cause.value, a.since, a.detected_at, a.value, a.low, a.high, a.score,
                 Jsonb(dict(a.extras)))
                for a in anomalies
            ],
        )  # fmt: skip
        return cur.rowcount


def end_anomalies(conn: Connection, series_ids: Sequence[int], now: datetime) -> int:
    """Notes that nothing is odd about these series any more; returns how many anomalies that ended."""
    return conn.execute(
        "UPDATE anomaly SET ended_at = %s WHERE ended_at IS NULL AND series_id = ANY(%s)", (now, list(series_ids))
    ).rowcount


def list_open_series(conn: Connection, *, since: datetime) -> set[int]:
    """Series with an anomaly detected after `since` that is not known to have ended."""
    rows = conn.execute("SELECT DISTINCT series_id FROM anomaly WHERE ended_at IS NULL AND detected_at > %s", (since,))
    return {row[0] for row in rows}


def list_anomalies(
    conn: Connection, *, since: datetime, until: datetime, series_id: int | None = None, lane: str | None = None, limit: int = 200
) -> list[StoredAnomaly]:  # fmt: skip
    """Anomalies detected in (since, until], the newest first, of all series or one, of all lanes or one. Causes of another
    version are left out."""
    rows = conn.execute(
        f"{_SELECT} WHERE detected_at > %(since)s AND detected_at <= %(until)s "
        + ("AND series_id = %(series)s " if series_id is not None else "")
        + ("AND lane = %(lane)s " if lane is not None else "")
        + "ORDER BY detected_at DESC, anomaly_id DESC LIMIT %(limit)s",
        {"since": since, "until": until, "series": series_id, "lane": lane, "limit": limit},
    )
    return [_stored(*row) for row in rows if Oddity.known(row[2]) is not None]


def count_anomalies(conn: Connection, *, since: datetime) -> dict[str, int]:
    """How many were detected after `since`, by lane."""
    rows = conn.execute("SELECT lane, count(*) FROM anomaly WHERE detected_at > %s GROUP BY 1", (since,))
    return {row[0]: row[1] for row in rows}


def _stored(
    number: int, series_id: int, cause: str, since: datetime, detected_at: datetime, ended_at: datetime | None, value: float,
    low: float, high: float, score: float, extras: dict[str, float],
) -> StoredAnomaly:  # fmt: skip
    anomaly = Anomaly(series_id, detected_at, since, Oddity.of(cause), value, low, high, score, tuple(extras.items()))
    return StoredAnomaly(number, anomaly, ended_at)


_SELECT = """
SELECT anomaly_id, series_id, cause, since, detected_at, ended_at, value, low, high, score, extras FROM anomaly
"""
