"""Evidence: the requests, detections and warnings that incidents rest on, joined from either side. From: incident_source,
request, detection, device, warning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.incidents import Evidence, Source, SourceKind
from domain.moments import Moment
from storage.connection import Connection
from storage.warnings import find_warning

_SOURCE_LOCK = 7_205_017
"""The class of locks under which sources are held."""


def link(
    conn: Connection, incident_id: str, kind: SourceKind, source_id: str, device_id: str, *, actor: str, now: datetime
) -> bool:
    """Joins a source to an incident; False when it was before."""
    row = conn.execute(
        "INSERT INTO incident_source (incident_id, kind, source_id, device_id, linked_at, actor) VALUES (%s, %s, %s, %s, %s, %s) "
        "ON CONFLICT DO NOTHING RETURNING 1",
        (incident_id, kind.value, source_id, device_id, now, actor),
    ).fetchone()
    return row is not None


def hold(conn: Connection, found: Evidence) -> None:
    """Holds a source until this transaction ends: whoever wants to make something of it too waits, and then sees what was."""
    key = f"{found.kind.value}|{found.source_id}|{found.device_id}"
    conn.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_SOURCE_LOCK, key))


def list_sources(conn: Connection, incident_ids: Sequence[str], moment: Moment) -> list[Source]:
    """What incidents rest on at the moment, in the order in which it was joined."""
    rows = conn.execute(
        "SELECT incident_id, kind, source_id, device_id, linked_at, actor FROM incident_source "
        "WHERE incident_id = ANY(%s) AND linked_at <= %s ORDER BY linked_at, kind, source_id",
        (list(incident_ids), moment.at),
    )
    return [Source(row[0], SourceKind.of(row[1]), *row[2:]) for row in rows]


def list_incidents_of(conn: Connection, kind: SourceKind, source_id: str, device_id: str, moment: Moment) -> list[str]:
    """The incidents that rest on a source at the moment, oldest link first."""
    rows = conn.execute(
        "SELECT incident_id FROM incident_source WHERE kind = %s AND source_id = %s AND device_id = %s AND linked_at <= %s "
        "ORDER BY linked_at, incident_id",
        (kind.value, source_id, device_id, moment.at),
    )
    return [row[0] for row in rows]


def find_evidence(
    conn: Connection, kind: SourceKind, source_id: str, device_id: str | None, moment: Moment, exercise_id: str | None = None
) -> list[Evidence]:
    """What a source says, as far as known at the moment: nothing for an unknown one; more than one where devices gave the same id
    and `device_id` does not say which is meant."""
    if kind is SourceKind.WARNING:
        found = find_warning(conn, source_id, moment)
        if found is None or found.exercise_id != exercise_id:
            return []
        return [
            Evidence(kind, found.warning_id, "", found.hazard_class, found.lon, found.lat, found.raised_at, (found.zh, found.en))
        ]
    query = _REQUEST if kind is SourceKind.REQUEST else _DETECTION
    said = {
        "source": source_id, "device": device_id, "at": moment.at, "known_at": moment.known_at, "exercise": exercise_id,
    }  # fmt: skip
    return [Evidence(kind, *row) for row in conn.execute(query, said)]


_REQUEST = """
SELECT request_id, device_id, request_class, lon, lat, phenomenon_time FROM request
WHERE request_id = %(source)s AND (%(device)s::text IS NULL OR device_id = %(device)s)
  AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s
ORDER BY device_id
"""

_DETECTION = """
SELECT detection_id, detection.device_id, detection_class, device.lon, device.lat, phenomenon_time
FROM detection LEFT JOIN device USING (device_id)
WHERE detection_id = %(source)s AND (%(device)s::text IS NULL OR detection.device_id = %(device)s)
  AND phenomenon_time <= %(at)s AND received_time <= %(known_at)s AND exercise_id IS NOT DISTINCT FROM %(exercise)s
ORDER BY detection.device_id
"""
